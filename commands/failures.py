"""What a failed update says of the containers that didn't get well."""

from __future__ import annotations

import sys
from functools import partial

from docker.models.containers import Container

from commands.context import Context
from commands.health import health, told_by_last_start
from components.vault.server_config import COMPONENT as VAULT
from components.vault.server_reason import vault_reason
from host import engine


def explain(context: Context) -> None:
    """Print the last lines of each unhealthy container's log, named after its component.

    One that waits for its promotion is left out: the update itself said what is wrong with it.
    """
    for container in context.containers():
        if (how := health(container)) != "healthy" and not _waits(container):
            component = container.labels["homeport.component"]
            print(f"\n{component} is {how}; its last lines:", file=sys.stderr)
            print(engine.last_lines(container), file=sys.stderr)
            reason = partial(vault_reason, stack=context.stack)
            if component == VAULT and (told := told_by_last_start(container, reason)):
                print(told, file=sys.stderr)


def _waits(container: Container) -> bool:
    """Whether it is a site's that visitors don't reach yet (`host/promotion.py`)."""
    networks = {name.rpartition("-")[0] for name in container.attrs["NetworkSettings"]["Networks"]}
    return "idle" in networks and "web" not in networks
