"""What the service is told: a plan, when, and what is done beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backup.plan import Plan, parse


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the service is told."""

    plan: Plan
    at: str
    """The time of day in UTC, as `03:17`."""
    verify: str
    """How much is read back in a check, as `5%`."""
    prunes: bool
    """Whether the host removes what is too old."""
    vault: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the vault's snapshot is got with; empty where there is no vault."""

    @property
    def secrets(self) -> list[str]:
        """What no log may have."""
        open_ = {"RESTIC_REPOSITORY"}
        given = {key: text for key, text in self.plan.environment.items() if key not in open_}
        return [*given.values(), *(text for key, text in self.vault.items() if key != "url")]


def read_job(file: Path) -> Job:
    """What the file says now."""
    text = file.read_text(encoding="utf-8")
    told = json.loads(text)
    more = {key: told[key] for key in ("at", "verify", "prunes", "vault")}
    return Job(plan=parse(text), **more)
