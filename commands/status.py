"""`status`: what runs, how it is, and where it answers."""

from __future__ import annotations

from docker.models.containers import Container

from commands.context import CommandError, Context
from commands.door import open_door
from commands.probe import answer
from commands.table import table


def run(context: Context) -> int:
    """Print components with their health and URLs with their answers; 1 where one is not well."""
    containers = context.containers()
    if not containers:
        print(f"stack {context.stack}: nothing runs; `make up` brings it up")
        return 1
    rows = [(c.labels["homeport.component"], _health(c), c.attrs["Config"]["Image"])
            for c in containers]  # fmt: skip
    print(table(("component", "health", "image"), rows))
    print()
    try:
        with open_door(context) as door:
            answers = [(u["url"], answer(door, u["url"])) for u in context.estate.urls()]
    except CommandError as error:
        answers = [(u["url"], str(error)) for u in context.estate.urls()]
    print(table(("url", "answer"), answers))
    well = all(health == "healthy" for _, health, _ in rows)
    return 0 if well and all(got.isdigit() and int(got) < 500 for _, got in answers) else 1


def _health(container: Container) -> str:
    state = container.attrs["State"]
    if not state["Running"]:
        return f"{state['Status']} (exit code {state['ExitCode']})"
    return str(state.get("Health", {}).get("Status", "running"))
