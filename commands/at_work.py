"""Commands that work in a container of their own, and others that wait for them."""

from __future__ import annotations

import signal
import time

from commands.context import Context

_GLANCE = 0.5  # seconds


def end_in_order() -> None:
    """Have a command that is told to end do so as by Ctrl-C, which puts in order what it began."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)


def is_running(context: Context, name: str) -> bool:
    """Whether the command is at work."""
    found = context.find(name)
    return found is not None and found.status == "running"


def wait_for(context: Context, name: str, command: str) -> None:
    """Wait until a command has ended, however long it takes, and say so."""
    if not is_running(context, name):
        return
    print(f"Waiting for {command} to end…", flush=True)
    while is_running(context, name):
        time.sleep(_GLANCE)


def networks(context: Context) -> list[str]:
    """Where a server is reached: a service of the stack's, or outside where it may go there; by
    Docker's own network where the stack isn't up.
    """
    wanted = ["services", *(["edge"] if context.settings.outside else [])]
    there = context.docker.networks.list(filters={"label": context.label})
    names = [str(network.name) for network in there]
    found = [name for purpose in wanted for name in names if name.startswith(f"{purpose}-")]
    return found if len(found) == len(wanted) else ["bridge"]
