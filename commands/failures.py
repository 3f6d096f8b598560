"""What a failed update says of the containers that didn't get well."""

from __future__ import annotations

import sys

from commands.context import Context
from commands.status import health

_LINES = 10


def explain(context: Context) -> None:
    """Print the last lines of each unhealthy container's log, named after its component."""
    for container in context.containers():
        if (how := health(container)) != "healthy":
            log = container.logs(tail=_LINES).decode(errors="replace").strip()
            component = container.labels["homeport.component"]
            print(f"\n{component} is {how}; its last lines:", file=sys.stderr)
            print(log or "(it printed nothing)", file=sys.stderr)
