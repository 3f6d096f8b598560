"""What this checkout put live last: the digests of the sites' files, which `up` notes at its end.

So whoever shows the sites can tell one that waits for an update without asking state or host.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from config.edited import Edited
from config.settings import ROOT


def digests(root: Path = ROOT, laid_over: Edited | None = None) -> dict[str, str]:
    """The digest of each site's file, by the site's name; of a text that is laid over one, its."""
    files = (root / "config/sites").glob("[!.]*.yaml")
    contents: dict[str, bytes | None] = {f.stem: f.read_bytes() for f in files if f.is_file()}
    for file, text in (laid_over or {}).items():
        contents[file.removesuffix(".yaml")] = None if text is None else text.encode()
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in contents.items()
        if content is not None
    }


def note(stack: str, put_live: Mapping[str, str], root: Path = ROOT) -> None:
    """Keep what was put live."""
    file = _file(stack, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(put_live), encoding="utf-8")


def last(stack: str, root: Path = ROOT) -> dict[str, str] | None:
    """What was put live last; None where this checkout doesn't know."""
    try:
        noted: dict[str, str] = json.loads(_file(stack, root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return noted


def _file(stack: str, root: Path) -> Path:
    return root / f".engine/live/{stack}.json"
