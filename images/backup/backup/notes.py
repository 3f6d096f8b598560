"""What the service remembers while it is stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(kw_only=True)
class Notes:
    """All times are seconds since 1970; 0 is never."""

    began: float = 0
    """When the service first started."""
    tried: float = 0
    """When the last run began."""
    done: float = 0
    """When the last run began that made a snapshot."""
    code: int = 0
    """How the last run ended, as restic's exit code."""
    unread: int = 0
    """How much the last snapshot lacks: files and folders, or the vault's snapshot."""
    pruned: float = 0
    """When what is too old was last removed."""
    checked: float = 0
    """When the repository was last found well."""
    damaged: int = 0
    """1 if the last check of it failed."""
    drilled: float = 0
    """When a trial restore last brought all back."""
    drill_failed: int = 0
    """1 if the last one didn't."""
    newest: float = 0
    """When the newest snapshot was made, as the repository itself says."""
    newest_bytes: int = 0
    """What it holds."""
    before_bytes: int = 0
    """What the one before it holds; 0 if there is none."""

    @property
    def well(self) -> float:
        """Since when nobody looked whether the repository is well."""
        return self.checked or self.began

    @property
    def proved(self) -> float:
        """Since when nobody saw that data comes back."""
        return self.drilled or self.began


def read(file: Path, now: float) -> Notes:
    """What was kept; new notes where there is nothing that can be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        known = Notes.__dataclass_fields__
        return Notes(**{key: value for key, value in kept.items() if key in known})
    except (OSError, ValueError, AttributeError, TypeError):
        return Notes(began=now)


def keep(notes: Notes, file: Path) -> None:
    """Write them whole, or not at all."""
    coming = file.with_suffix(".coming")
    coming.write_text(json.dumps(asdict(notes)), encoding="utf-8")
    coming.replace(file)
