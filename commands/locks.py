"""The lock that an update holds on its stack, where the state lies in a folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from commands.context import Context
from commands.error import CommandError
from config.settings import PROJECT
from values import command_line

_SCHEME = "file://"


def release_dead(context: Context) -> None:
    """Remove a lock whose process no longer lives on this machine, and say so.

    Raises CommandError naming the holder of any other lock. Other backends than a folder
    tell their own locks.
    """
    for file, holder, is_dead in _locks(context.stack):
        if not is_dead:
            raise CommandError(
                f"stack {context.stack} is being updated by {holder}; wait for it to end, or "
                f"`{command_line.pulumi(context.stack, 'cancel')}` where it is gone"
            )
        file.unlink()
        print(f"removed the lock of {holder}, which is no longer running")


def holder(stack: str) -> str:
    """Who updates the stack right now; "" if nobody does, or the backend isn't a folder."""
    return next((holder for _, holder, is_dead in _locks(stack) if not is_dead), "")


def _locks(stack: str) -> Iterator[tuple[Path, str, bool]]:
    """Each lock's file, its holder in words, and whether that is known to be gone."""
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    if not backend.startswith(_SCHEME):
        return
    folder = Path(backend.removeprefix(_SCHEME)) / ".pulumi/locks/organization"
    for file in sorted((folder / PROJECT / stack).glob("*.json")):
        lock = json.loads(file.read_text())
        holder = (
            f"{lock['username']}@{lock['hostname']} (process {lock['pid']}, "
            f"since {lock['timestamp']})"
        )
        is_here = lock["hostname"] == socket.gethostname()
        yield file, holder, is_here and not psutil.pid_exists(int(lock["pid"]))
