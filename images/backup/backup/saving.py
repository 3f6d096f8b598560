"""Making one snapshot, with all that comes before it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from backup.copies import copy_first, left_out
from backup.plan import Plan
from backup.restic import NO_REPOSITORY, Hear, opens, restic, save

COMING = ".coming"
"""A folder of the copies for what isn't whole yet, which is never saved."""


@dataclass(frozen=True)
class Paths:
    """Where everything is in the container."""

    plan: Path = Path("/backup/plan.json")
    copies: Path = Path("/copies")
    """What is saved beside the volumes: copies of them, and what the command puts there."""
    left_out: Path = Path("/backup/left-out")


def make_snapshot(plan: Plan, paths: Paths, hear: Hear | None = None) -> int:
    """Save all that the plan names, in a new repository if there is none; restic's exit code."""
    code = opens(plan, hear)
    if code == NO_REPOSITORY:
        code = restic(plan, "init", hear=hear)
    if code:
        return code
    # Of runs that were killed: only locks that are stale, so nobody else's.
    restic(plan, "unlock", quiet=True)
    for earlier in paths.copies.glob("*.tar"):  # also of a component that is gone
        earlier.unlink()
    for source in plan.sources:
        if source.first:
            copy_first(source, paths.copies)
    lines = [line for source in plan.sources for line in left_out(source, time.time())]
    lines.append(f"{paths.copies}/{COMING}")
    paths.left_out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    tops = [paths.copies, *(source.at for source in plan.sources)]
    return save(plan, paths=tops, left_out=paths.left_out, hear=hear)
