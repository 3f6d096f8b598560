"""The lock that an update holds on its stack, where the state lies in a folder."""

from __future__ import annotations

import json
import os
import socket
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
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    if not backend.startswith(_SCHEME):
        return
    folder = Path(backend.removeprefix(_SCHEME)) / ".pulumi/locks/organization"
    for file in sorted((folder / PROJECT / context.stack).glob("*.json")):
        lock = json.loads(file.read_text())
        holder = (
            f"{lock['username']}@{lock['hostname']} (process {lock['pid']}, "
            f"since {lock['timestamp']})"
        )
        if lock["hostname"] != socket.gethostname() or psutil.pid_exists(int(lock["pid"])):
            raise CommandError(
                f"stack {context.stack} is being updated by {holder}; wait for it to end, or "
                f"`{command_line.pulumi(context.stack, 'cancel')}` where it is gone"
            )
        file.unlink()
        print(f"removed the lock of {holder}, which is no longer running")
