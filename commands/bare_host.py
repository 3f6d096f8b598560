"""A host that has no Docker yet, and is told to get it, before anything else is asked of it."""

from __future__ import annotations

import subprocess

from commands.context import Context
from commands.error import CommandError
from composition.host import host_steps
from host import ssh_transport


def prepare(context: Context) -> None:
    """Take the steps that `up` takes first. An update after them finds them taken."""
    if not context.is_bare():
        return
    for step, script in host_steps(context.settings).items():
        print(f"Preparing the host: {step}…", flush=True)
        done = subprocess.run(
            ssh_transport.shell(context.settings.docker_host),
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            last = done.stdout.strip().rpartition("\n")[2]
            raise CommandError(f"homeport:prepare, {step}: {last}")
