"""Calling restic. What it says goes where this program's own words go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from backup.plan import Plan

NO_REPOSITORY = 10
_FAILED = 1
_WAIT = "5m"  # for the lock of somebody who checks or removes
_PATIENCE = 30  # seconds; restic itself tries for a quarter of an hour to reach a server


def opens(plan: Plan) -> int:
    """Whether there is a repository that the password opens: restic's exit code. Why a server
    can't be reached was said with each try.
    """
    try:
        return restic(plan, "cat", "config", "--no-lock", quiet=True, seconds=_PATIENCE)
    except subprocess.TimeoutExpired:
        return _FAILED


def restic(plan: Plan, *arguments: str, quiet: bool = False, seconds: float | None = None) -> int:
    """Run it as the plan says; its exit code. `quiet` drops what it prints but its errors.

    Raises subprocess.TimeoutExpired, once it is killed, if it takes longer than `seconds`.
    """
    environment = {
        **os.environ,
        # A line of progress each second; at a terminal it would be sixty.
        "RESTIC_PROGRESS_FPS": "1",
        **plan.environment,
    }
    return subprocess.run(
        ["restic", "--json", "--retry-lock", _WAIT, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
        timeout=seconds,
    ).returncode


def save(plan: Plan, *, paths: list[Path], left_out: Path) -> int:
    """Make a snapshot; restic's exit code."""
    return restic(
        plan,
        "backup",
        "--host",
        plan.host,
        "--group-by",
        "host",  # else the snapshot before isn't found where a component came or went
        "--exclude-file",
        str(left_out),
        *map(str, paths),
    )
