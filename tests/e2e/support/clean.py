"""Names by which test runs know each other, and the removal of what killed ones left.

A run removes its own things when it ends, also by a failure or Ctrl-C. Where it was killed,
the next one does, without touching a run that is still alive or a stack that isn't a test's.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from tempfile import gettempdir

import docker

from .containers import RUN, STACK, remove_all
from .second_host import requires_root, sweep_hosts

# The last one: both names of a label may be a test's, and the stack's has the number.
_OWNER = re.compile(r".*(?:^|/)e2e-(\d*)")


def stack_name(purpose: str) -> str:
    """A stack's name that says whose it is: `e2e-<process>-<purpose>`."""
    return f"e2e-{os.getpid()}-{purpose}"


def sweep(client: docker.DockerClient) -> None:
    """Remove what killed test runs left on this machine.

    A stack is a test's when its name, or its project's, begins with `e2e-`. One run at a time: what
    another one is removing can't be removed.
    """
    with Path(gettempdir(), f"e2e-sweep-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(client)


def _sweep(client: docker.DockerClient) -> None:
    if not requires_root():
        sweep_hosts()
    for container in client.containers.list(all=True, filters={"label": RUN}, ignore_removed=True):
        if not _alive(container.labels[RUN]):
            container.remove(force=True, v=True)
    for stack in _stacks(client):
        if _left_behind(stack):
            remove_all(client, stack)


def _stacks(client: docker.DockerClient) -> set[str]:
    labelled: dict[str, str | list[str] | bool] = {"label": STACK}
    containers = client.containers.list(all=True, filters=labelled, ignore_removed=True)
    return {
        *(each.labels[STACK] for each in containers),
        *(each.attrs["Labels"][STACK] for each in client.networks.list(filters=labelled)),
        *(each.attrs["Labels"][STACK] for each in client.volumes.list(filters=labelled)),
    }


def _left_behind(stack: str) -> bool:
    owner = _OWNER.search(stack)
    return owner is not None and not _alive(owner[1])


def _alive(process: str) -> bool:
    return process != "" and Path("/proc", process).exists()
