"""What changes in the Caddyfiles that an update writes, for a person to read before it does."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from commands.kinds import FILES
from components.gateway.gateway import REVISION

_FILE = "Caddyfile"
_SHOWN = 400  # lines
# An owner's own lines may hold one. It tells a reader nothing, and words could be tried on it.
_HASH = re.compile(r"\$(?:2[abxy]|argon2\w*|scrypt|[156y])\$[^\s\"`]+")


def of_step(about: Mapping[str, Any]) -> list[str]:
    """The lines of a unified diff between the file that is live and the one that would be; nothing
    for steps that write no Caddyfile. `about` is a step as the engine tells it.

    Only public files are read. The revision, which differs each time, is left out.
    """
    if about["type"] != FILES:
        return []
    before, after = _text(about.get("old"), "outputs"), _text(about.get("new"), "inputs")
    lines = list(
        difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            "live" if before else "/dev/null",
            "new" if after else "/dev/null",
            lineterm="",
        )
    )
    return [*lines[:_SHOWN], *([f"… {len(lines) - _SHOWN} more lines"] if lines[_SHOWN:] else [])]


def _text(state: Mapping[str, Any] | None, where: str) -> str:
    files = ((state or {}).get(where) or {}).get("files")
    if not isinstance(files, Mapping) or not isinstance(text := files.get(_FILE), str):
        return ""
    if revision := files.get(REVISION):
        text = text.replace(str(revision), REVISION)
    return _HASH.sub("(hash)", text)
