"""`logs`: what a component prints, and what visitors asked it for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Thread

from docker.models.containers import Container

from commands.context import Context
from commands.error import CommandError
from components.entrance import ACCESS_LOG, ROUTER

# Ends with its standard input, which is ours: Docker leaves what it ran in a container running.
_FOLLOW = f'tail -n 10000 -F "${ACCESS_LOG}" & cat; kill $!'


def run(context: Context) -> int:
    """Follow the logs of the component that NAME says, until it ends or Ctrl-C."""
    name = context.given["name"] or ""
    own, router = _newest(context, name), _newest(context, ROUTER)
    shared = {site.name for site in context.estate.sites if context.estate.shared(site)}
    if not own and not (router and name in shared):
        names = {c.labels["homeport.component"] for c in context.containers()}
        names |= shared if router else set()
        raise CommandError(
            f"{context.make('logs NAME=…')}: {name or 'a name'} is "
            f"{'not a component that runs' if name else 'missing'}; "
            f"there are: {', '.join(sorted(names)) or 'none, as nothing runs'}"
        )
    # The docker command line follows well, also over SSH, and ends with Ctrl-C.
    docker = ["docker", "--host", context.settings.docker_host]
    with _requests(docker, router, name) if router else nullcontext() as requests:
        if own:
            argv = [*docker, "logs", "--follow", "--tail", "200", str(own.id)]
            return subprocess.run(argv, check=False).returncode
        if requests:
            requests.join()
    return 0


def _newest(context: Context, component: str) -> Container | None:
    there = context.containers(component=component) if component else []
    return max(there, key=lambda container: str(container.attrs["Created"]), default=None)


@contextmanager
def _requests(docker: list[str], router: Container, name: str) -> Iterator[Thread]:
    """Print what visitors asked the component for, or everybody for the router, in a thread."""
    logger = '"logger":"http.log.access.' + ("" if name == ROUTER else f'{name}"')
    argv = [*docker, "exec", "--interactive", str(router.id), "sh", "-c", _FOLLOW]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as following:

        def show() -> None:
            for line in following.stdout or ():
                if logger in line:
                    print(line, end="", flush=True)

        thread = Thread(target=show, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            if following.stdin:
                following.stdin.close()
            following.wait()
            thread.join()
