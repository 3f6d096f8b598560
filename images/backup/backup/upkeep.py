"""What keeps a repository well: removing what is too old, and reading back what is there."""

from __future__ import annotations

from backup.heard import Heard
from backup.job import Job
from backup.notes import Notes
from backup.plan import Plan
from backup.restic import LOCKED, Hear, restic

# An hour less: runs begin at a time of day, some seconds more or less.
_WEEK = (7 * 24 - 1) * 3600


def keep_well(job: Job, known: Notes, now: float, heard: Heard) -> None:
    """After a run: both once a week, and a check that failed again with each run."""
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
        # Where somebody else is at work, or the check was killed, nothing was looked at.
        if code != LOCKED and code >= 0:
            known.damaged = int(code != 0)


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
