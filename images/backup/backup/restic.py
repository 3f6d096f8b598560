"""Calling restic. What it says goes where this program's own words go."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from backup import sftp
from backup.plan import Plan

Hear = Callable[[str], None]
"""Takes a line that restic says."""
_SAY: Hear = partial(print, flush=True)
_T = TypeVar("_T")

NO_REPOSITORY, LOCKED = 10, 11
FULL = 28
"""The store has no room: not restic's own, but the kernel's number for it."""
_FAILED = 1
_WAIT = "5m"  # for the lock of somebody who checks or removes
_NO_ROOM = re.compile(r"retrying after .*\(507\)")
"""What restic says of a server whose disk is full, or that has a limit of its own."""
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
    """Run it as the plan says; its exit code, or FULL: it would try for a quarter of an hour again.
    `quiet` drops what it prints but its errors. What isn't dropped goes to `hear`, line by line, or
    else is printed.

    Raises subprocess.TimeoutExpired, once it is killed, if it takes longer than `seconds`.
    """
    with subprocess.Popen(
        _argv(plan, *arguments),
        env=_environment(plan),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else subprocess.STDOUT,
    ) as process:
        try:
            if seconds is None:
                if _takes_no_more(process, hear or _SAY):
                    return FULL
            else:
                _tell(hear or _SAY, *process.communicate(timeout=seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            _tell(hear or _SAY, *process.communicate())
            raise
        except BaseException:
            process.send_signal(signal.SIGINT)  # it gives its lock back
            process.wait()
            raise
    return process.returncode


def _takes_no_more(process: subprocess.Popen[bytes], hear: Hear) -> bool:
    """Hear it to its end, and whether that came because the store is full. The last words are then
    the server's.
    """
    is_full = False
    for line in process.stdout or process.stderr or ():
        if not is_full:
            text = line.decode(errors="replace").rstrip("\n")
            hear(text)
            if is_full := bool(_NO_ROOM.search(text)):
                process.send_signal(signal.SIGINT)  # it gives its lock back
    return is_full


def _tell(hear: Hear, *said: bytes | None) -> None:
    for line in b"".join(filter(None, said)).splitlines():
        hear(line.decode(errors="replace"))


def listed(plan: Plan, *arguments: str, take: Callable[[Iterable[str]], _T]) -> tuple[int, _T]:
    """Run what lists something: its exit code, and what `take` makes of the lines, which may be
    very many.
    """
    with subprocess.Popen(
        _argv(plan, *arguments),
        env=_environment(plan),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout  # noqa: S101 - it is a pipe
        taken = take(process.stdout)
    return process.returncode, taken


def _argv(plan: Plan, *arguments: str) -> list[str]:
    opening = sftp.options(plan.environment)
    return ["restic", "--json", "--retry-lock", _WAIT, *opening, *arguments]


def _environment(plan: Plan) -> dict[str, str]:
    return {
        **os.environ,
        # A line of progress each second; at a terminal it would be sixty.
        "RESTIC_PROGRESS_FPS": "1",
        **{name: text for name, text in plan.environment.items() if name not in sftp.BOTH},
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
