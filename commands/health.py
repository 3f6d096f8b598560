"""How a container is, as commands tell it."""

from __future__ import annotations

from docker.models.containers import Container


def health(container: Container) -> str:
    """How a container is, in a word or two: `healthy`, or what is wrong."""
    state = container.attrs["State"]
    if not state["Running"]:
        return f"{state['Status']} (exit code {state['ExitCode']})"
    return str(state.get("Health", {}).get("Status", "running"))
