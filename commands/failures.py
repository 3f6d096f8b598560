"""What a failed update says of the containers that didn't get well."""

from __future__ import annotations

import sys

from commands.context import Context
from commands.status import health
from components import engine


def explain(context: Context) -> None:
    """Print the last lines of each unhealthy container's log, named after its component."""
    for container in context.containers():
        if (how := health(container)) != "healthy":
            component = container.labels["homeport.component"]
            print(f"\n{component} is {how}; its last lines:", file=sys.stderr)
            print(engine.last_lines(container), file=sys.stderr)
