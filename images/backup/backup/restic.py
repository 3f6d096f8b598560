"""Calling restic. What it says goes where this program's own words go."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from backup.plan import Plan

Hear = Callable[[str], None]
"""Takes a line that restic says."""
_T = TypeVar("_T")

NO_REPOSITORY, LOCKED = 10, 11
_FAILED = 1
_WAIT = "5m"  # for the lock of somebody who checks or removes
_PATIENCE = 30  # seconds; restic itself tries for a quarter of an hour to reach a server


def opens(plan: Plan, hear: Hear | None = None) -> int:
    """Whether there is a repository that the password opens: restic's exit code. Why a server
    can't be reached was said with each try.
    """
    try:
        return restic(plan, "cat", "config", "--no-lock", quiet=True, seconds=_PATIENCE, hear=hear)
    except subprocess.TimeoutExpired:
        return _FAILED


def restic(
    plan: Plan,
    *arguments: str,
    quiet: bool = False,
    seconds: float | None = None,
    hear: Hear | None = None,
) -> int:
    """Run it as the plan says; its exit code. `quiet` drops what it prints but its errors. What
    isn't dropped goes to `hear`, line by line, if that is given.

    Raises subprocess.TimeoutExpired, once it is killed, if it takes longer than `seconds`.
    """
    told = None if hear is None else subprocess.PIPE
    with subprocess.Popen(
        _argv(*arguments),
        env=_environment(plan),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else told,
        stderr=told if quiet or told is None else subprocess.STDOUT,
    ) as process:
        try:
            if hear is not None and seconds is None:
                for line in process.stdout or process.stderr or ():
                    hear(line.decode(errors="replace"))
            said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            _tell(hear, *process.communicate())
            raise
        except BaseException:
            process.send_signal(signal.SIGINT)  # it gives its lock back
            process.wait()
            raise
    _tell(hear, *said)
    return process.returncode


def _tell(hear: Hear | None, *said: bytes | None) -> None:
    if hear is not None:
        for line in b"".join(filter(None, said)).splitlines():
            hear(line.decode(errors="replace"))


def listed(plan: Plan, *arguments: str, take: Callable[[Iterable[str]], _T]) -> tuple[int, _T]:
    """Run what lists something: its exit code, and what `take` makes of the lines, which may be
    very many.
    """
    with subprocess.Popen(
        _argv(*arguments),
        env=_environment(plan),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout  # noqa: S101 - it is a pipe
        taken = take(process.stdout)
    return process.returncode, taken


def _argv(*arguments: str) -> list[str]:
    return ["restic", "--json", "--retry-lock", _WAIT, *arguments]


def _environment(plan: Plan) -> dict[str, str]:
    return {
        **os.environ,
        # A line of progress each second; at a terminal it would be sixty.
        "RESTIC_PROGRESS_FPS": "1",
        **plan.environment,
    }


def save(plan: Plan, *, paths: list[Path], left_out: Path, hear: Hear | None = None) -> int:
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
        hear=hear,
    )
