"""`logs`: what a component prints."""

from __future__ import annotations

import subprocess

from commands.context import Context
from commands.error import CommandError


def run(context: Context) -> int:
    """Follow the log of the component that NAME says."""
    name = context.given["name"]
    containers = context.containers(component=name) if name else []
    if not containers:
        names = sorted({c.labels["homeport.component"] for c in context.containers()})
        raise CommandError(
            f"{context.make('logs NAME=…')}: {name or 'a name'} is "
            f"{'not a component that runs' if name else 'missing'}; "
            f"there are: {', '.join(names) or 'none, as nothing runs'}"
        )
    newest = max(containers, key=lambda container: str(container.attrs["Created"]))
    # The docker command line follows well, also over SSH, and ends with Ctrl-C.
    argv = ["docker", "--host", context.settings.docker_host, "logs", "--follow", "--tail", "200"]
    return subprocess.run([*argv, str(newest.id)], check=False).returncode
