"""Showing a container to visitors once it is healthy: decision 1 of the design.

The provider class is stored in the state by reference, as `components.promotion`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import time
from typing import Any

import docker
import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components import engine

_PATIENCE = 30  # seconds until a new version has to be healthy

Props = dict[str, Any]  # what the engine sends and stores: JSON values by name


class PromotionProvider(ResourceProvider):
    """Create, read, update of `Promotion`. Removing the container ends it."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        compared = ("docker_host", "container", "network", "alias")
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in compared))

    def create(self, props: Props) -> CreateResult:
        _connect(props)
        return CreateResult(props["alias"], outs=props)

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        _connect(news)
        return UpdateResult(outs=news)

    def read(self, id_: str, props: Props) -> ReadResult:
        connected = _is_connected(engine.connect(props["docker_host"]), props)
        return ReadResult(id_, props if connected else {**props, "container": ""})


class Promotion(Resource, module="homeport", name="Promotion"):
    """Connects a container, once healthy, to the visitors' network under the site's alias.

    Docker's DNS gives every container of an alias, healthy or not; so one that isn't
    proven stays on a network where nobody asks. The old container keeps the alias until
    the end of the update deletes it: for a moment both answer.
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


def _connect(props: Props) -> None:
    client = engine.connect(props["docker_host"])
    _wait_until_healthy(client, props)
    if not _is_connected(client, props):
        client.networks.get(props["network"]).connect(props["container"], aliases=[props["alias"]])


def _wait_until_healthy(client: docker.DockerClient, props: Props) -> None:
    """Raise EngineError with the container's last lines unless its health check succeeds.

    Here, and not in the container's own resource: there a refresh forgets that it never got
    healthy, and the next update would go on with it.
    """
    deadline = time.monotonic() + _PATIENCE
    while (container := client.containers.get(props["container"])).health != "healthy":
        if time.monotonic() > deadline:
            state = container.attrs["State"]
            how = "not healthy" if state["Running"] else f"ended with exit code {state['ExitCode']}"
            raise engine.EngineError(
                f"{container.labels['homeport.component']}: the new version is {how} after "
                f"{_PATIENCE} s, so visitors keep the old one; its last lines:\n"
                + engine.last_lines(container)
            )
        time.sleep(0.2)


def _is_connected(client: docker.DockerClient, props: Props) -> bool:
    try:
        container = client.containers.get(props["container"])
    except docker.errors.NotFound:
        return False
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return any(
        network["NetworkID"] == props["network"] and props["alias"] in (network["Aliases"] or ())
        for network in networks
    )
