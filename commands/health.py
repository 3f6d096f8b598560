"""How a container is, as commands tell it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from docker.models.containers import Container

from host import engine

_PATIENCE = 20  # seconds for a start, which is tried again and again

T = TypeVar("T")


def health(container: Container) -> str:
    """How a container is, in a word or two: `healthy`, or what is wrong."""
    state = container.attrs["State"]
    if not state["Running"]:
        return f"{state['Status']} (exit code {state['ExitCode']})"
    return str(state.get("Health", {}).get("Status", "running"))


def told_by_last_start(container: Container, find: Callable[[str], T]) -> T:
    """What `find` finds in the log of the last start; of one that goes on, its end is awaited.

    Else a start that fails again and again says nothing of it where it has just begun once more.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = find(engine.last_start(container))  # which looks at the container anew
        state = container.attrs["State"]
        ended = not state["Running"] and not state["Restarting"]
        if found or ended or health(container) == "healthy" or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
