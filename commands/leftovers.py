"""What an interrupted update left on the host, and what belongs to somebody else's state."""

from __future__ import annotations

from typing import Any

from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from commands.context import Context
from commands.error import CommandError
from config.settings import PROJECT
from host.engine import THROWAWAY


def clear(context: Context, deployment: dict[str, Any], state_at: str) -> None:
    """Remove this state's containers and networks that it doesn't know, and volumes of generated
    files that nobody knows, and say so. Data is never touched.

    Raises CommandError, before anything is removed, where `of_this_state` does.
    """
    containers, networks = of_this_state(context, deployment, state_at)
    known = {resource.get("id") for resource in deployment.get("resources", [])}
    at_work = {
        collector_of(context): "registry-gc",
        backup_of(context): "backup",
        restore_of(context): "restore",
    }
    for container in containers:
        if container.status == "running" and (command := at_work.get(str(container.name))):
            raise CommandError(
                f"{command} is at work on stack {context.stack}; try again when it has ended"
            )
    for container in containers:
        if container.id not in known:
            _say(container)
            container.remove(force=True, v=True)
    for network in networks:
        if network.id not in known:
            _say(network)
            network.remove()
    for volume in context.docker.volumes.list(filters={"label": context.label}):
        # Names of data volumes are fixed, all others have random ends.
        data = str(volume.name).startswith(f"{PROJECT}-{context.stack}-")
        if volume.name not in known and not data:
            _say(volume)
            volume.remove()


def of_this_state(
    context: Context, deployment: dict[str, Any], state_at: str
) -> tuple[list[Container], list[Network]]:
    """The stack's containers and networks.

    Raises CommandError where another state made one of them under this stack's name: a second
    checkout, a colleague's state.
    """
    containers = context.containers()
    networks = context.docker.networks.list(filters={"label": context.label})
    own_id = next(
        (
            resource["id"]
            for resource in deployment.get("resources", [])
            if resource["type"] == "pulumi-python:dynamic/homeport:StackId"
        ),
        None,
    )
    made_by: list[tuple[Container | Network, dict[str, str]]] = [
        (c, c.labels) for c in containers if THROWAWAY not in c.labels
    ]
    made_by += [(n, n.attrs.get("Labels") or {}) for n in networks]
    foreign = [str(t.name) for t, labels in made_by if labels.get("homeport.state") != own_id]
    if foreign:
        raise CommandError(
            f"stack {context.stack} on {context.settings.docker_host} was made from another "
            f"state than {state_at}: {', '.join(sorted(foreign))}. Nothing was changed. Run "
            f"`{context.make('down')}` in the checkout that made them, or use its state "
            "(PULUMI_BACKEND_URL), "
            "or remove them with `docker rm --force` and `docker network rm`"
        )
    return containers, networks


def collector_of(context: Context) -> str:
    """The name of the container that removes images from the registry."""
    return f"{PROJECT}-{context.stack}-registry-gc"


def backup_of(context: Context) -> str:
    """The name of the container that saves data."""
    return f"{PROJECT}-{context.stack}-backup"


def restore_of(context: Context) -> str:
    """The name of the container that brings data back."""
    return f"{PROJECT}-{context.stack}-restore"


def _say(thing: Container | Network | Volume) -> None:
    print(f"removing {thing.name}, left by an interrupted update")
