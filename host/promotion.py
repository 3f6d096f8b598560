"""Showing a container to visitors once it is healthy.

The provider class is stored in the state by reference, as `host.promotion`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import time
from typing import Any

import docker
import pulumi
from pulumi.dynamic import ReadResult, Resource, UpdateResult

from host import engine
from host.apply_provider import ApplyProvider
from host.provider import Props

_PATIENCE = 30  # seconds until a new version has to be healthy
_NEVER: Any = {"Name": "no"}  # the SDK's types don't know this name of Docker's
_GRACE = 30  # seconds for the requests that the old version is answering


class PromotionProvider(ApplyProvider):
    """Create, read, update of `Promotion`. Removing the container ends it."""

    named_after = "alias"
    compared = ("docker_host", "container", "network", "alias")

    def apply(self, props: Props) -> None:
        client = engine.connect(props["docker_host"])
        _wait_until_healthy(client, props)
        if not _is_connected(client, props):
            network = client.networks.get(props["network"])
            network.connect(props["container"], aliases=[props["alias"]])

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        updated = super().update(id_, olds, news)
        if olds["container"] not in ("", news["container"]):
            _retire(engine.connect(news["docker_host"]), olds["container"])
        return updated

    def read(self, id_: str, props: Props) -> ReadResult:
        connected = _is_connected(engine.connect(props["docker_host"]), props)
        return ReadResult(id_, props if connected else {**props, "container": ""})


class Promotion(Resource, module="homeport", name="Promotion"):
    """Connects a container, once healthy, to the visitors' network under the site's alias.

    Docker's DNS gives every container of an alias, healthy or not; so one that isn't
    proven stays on a network where nobody asks. The old container is stopped as soon as the
    new one is connected, not only when the end of the update deletes it: an update in which
    another site fails deletes nothing. For a moment both answer.
    """

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        container: pulumi.Input[str],
        network: pulumi.Input[str],
        alias: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "container": container,
            "network": network,
            "alias": alias,
        }
        super().__init__(PromotionProvider(), name, props, opts)


def _wait_until_healthy(client: docker.DockerClient, props: Props) -> None:
    """Raise EngineError with the container's last lines unless its health check succeeds.

    Here, and not in the container's own resource: there a refresh forgets that it never got
    healthy, and the next update would go on with it.
    """
    deadline = time.monotonic() + _PATIENCE
    while (container := client.containers.get(props["container"])).health != "healthy":
        if time.monotonic() > deadline:
            state = container.attrs["State"]
            ill = "healthy" if state["Running"] else f"running (exit code {state['ExitCode']})"
            raise engine.EngineError(
                f"{container.labels['homeport.component']} is not {ill} after {_PATIENCE} s, so "
                "visitors don't get to see it; its last lines:\n" + engine.last_lines(container)
            )
        time.sleep(0.2)


def _retire(client: docker.DockerClient, container: str) -> None:
    """Let a container finish the requests under way, and end."""
    try:
        old = client.containers.get(container)
        old.update(restart_policy=_NEVER)  # else a restart of Docker brings it back
        old.stop(timeout=_GRACE)
    except docker.errors.NotFound:
        return  # removed by hand


def _is_connected(client: docker.DockerClient, props: Props) -> bool:
    if not props["container"]:  # as `read` stores what it didn't find
        return False
    try:
        container = client.containers.get(props["container"])
    except docker.errors.NotFound:
        return False
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return any(
        network["NetworkID"] == props["network"] and props["alias"] in (network["Aliases"] or ())
        for network in networks
    )
