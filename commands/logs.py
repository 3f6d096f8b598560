"""`logs`: what a component prints."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from commands.context import Context
from commands.error import CommandError
from components.entrance import ROUTER


def run(context: Context) -> int:
    """Follow the log of the component that NAME says."""
    name = context.given["name"]
    shared = {site.name for site in context.estate.sites if context.estate.shared(site)}
    component = ROUTER if name in shared else name
    containers = context.containers(component=component) if component else []
    if not containers:
        names = {c.labels["homeport.component"] for c in context.containers()}
        names |= shared if ROUTER in names else set()
        raise CommandError(
            f"{context.make('logs NAME=…')}: {name or 'a name'} is "
            f"{'not a component that runs' if name else 'missing'}; "
            f"there are: {', '.join(sorted(names)) or 'none, as nothing runs'}"
        )
    newest = max(containers, key=lambda container: str(container.attrs["Created"]))
    # Of what the gateway prints, little may be the site's.
    tail = "10000" if name in shared else "200"
    # The docker command line follows well, also over SSH, and ends with Ctrl-C.
    argv = ["docker", "--host", context.settings.docker_host, "logs", "--follow", "--tail", tail]
    argv.append(str(newest.id))
    if name in shared:
        return _follow(argv, f'"logger":"http.log.access.{name}"')
    return subprocess.run(argv, check=False).returncode


def _follow(argv: Sequence[str], logger: str) -> int:
    """The lines of one logger alone. Caddy writes its log to the standard error."""
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=subprocess.STDOUT, text=True) as log:
        for line in log.stdout or ():
            if logger in line:
                print(line, end="", flush=True)
    return log.returncode
