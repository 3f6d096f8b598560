"""What keeps a repository well: removing what is too old, reading back what is there, and restoring
a part of it.
"""

from __future__ import annotations

from pathlib import Path

from backup.drill import drill
from backup.heard import Heard
from backup.job import Job
from backup.notes import Notes
from backup.plan import Plan
from backup.restic import FULL, LOCKED, Hear, restic

# An hour less: runs begin at a time of day, some seconds more or less.
_WEEK, _MONTH = ((days * 24 - 1) * 3600 for days in (7, 30))


def keep_well(
    job: Job, known: Notes, now: float, heard: Heard, *, copies: Path, state: Path
) -> None:
    """After a run: the first two once a week, the restore once a month, and what failed again with
    each run.
    """
    if job.prunes and not 0 <= now - known.pruned < _WEEK:
        code = forget(job.plan, "--prune", hear=heard)
        heard.say(f"removing what is too old ended with {code}")
        if code == 0:
            known.pruned = now
    if known.damaged or not 0 <= now - known.checked < _WEEK:
        code = restic(job.plan, "check", f"--read-data-subset={job.verify}", hear=heard)
        heard.say(f"the check ended with {code}")
        if code == 0:
            known.checked = now
        if _was_made(code):
            known.damaged = int(code != 0)
    if known.drill_failed or not 0 <= now - known.drilled < _MONTH:
        code = drill(job.plan, copies, state / "drill", heard)
        heard.say(f"the trial restore ended with {code}")
        if code == 0:
            known.drilled = now
        if _was_made(code):
            known.drill_failed = int(code != 0)


def _was_made(code: int) -> bool:
    """Whether anything was looked at. Nothing is where somebody else is at work, where there is no
    room for a lock, and where it was killed.
    """
    return code >= 0 and code not in (LOCKED, FULL)


def forget(plan: Plan, *arguments: str, hear: Hear | None = None) -> int:
    """Remove what no time of `keep` covers; restic's exit code.

    By times alone: by number, whoever adds snapshots could have the old ones removed.
    """
    return restic(
        plan,
        "forget",
        "--host",
        plan.host,
        "--group-by",
        "host",
        *(f"--keep-within-{each}={time}" for each, time in sorted(plan.keep.items())),
        *arguments,
        hear=hear,
    )
