"""Volumes for data that outlives everything, and for what lives as long as its containers.

The provider class is stored in the state by reference, as `host.volumes`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import ReadResult, Resource

from host import engine
from host.apply_provider import ApplyProvider
from host.docker_host import DockerHost
from host.provider import Props, gone


def data_volume(
    name: str,
    host: DockerHost,
    parent: pulumi.ComponentResource,
    *,
    component: str,
    image: str,
    owner: int,
) -> pulumi.Output[str]:
    """A volume for data that survives all but `make purge`: its name, once it is `owner`'s.

    Retained and never protected: with protection, `pulumi destroy` deletes everything else
    and then fails. The labels, of `component`, are fixed, because changing one would delete the
    data. `image` is any image of the host; it lends the file system in which the owner is set.
    """
    opts = host.child(parent, image)
    volume = docker.Volume(
        name,
        name=host.volume_name(name),
        labels=host.volume_labels(component),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                retain_on_delete=True,
                # A volume that was there keeps its own, such as a disk that somebody gave it.
                ignore_changes=["labels", "driver_opts"],
            ),
        ),
    )
    given = VolumeOwner(
        name,
        docker_host=host.docker_host,
        volume=volume.name,
        owner=owner,
        image=image,
        labels=host.plain_labels(component),
        opts=opts,
    )
    return given.volume


def memory_volume(
    name: str, host: DockerHost, parent: pulumi.ComponentResource, *, component: str, owner: int
) -> pulumi.Output[str]:
    """A volume of `owner` in memory, for what containers have between them while they run: its
    name. It is empty again once no container has it.
    """
    volume = docker.Volume(
        name,
        driver="local",
        driver_opts={
            "type": "tmpfs",
            "device": "tmpfs",
            "o": f"size=1m,mode=0700,uid={owner},gid={owner}",
        },
        labels=host.volume_labels(component),
        opts=pulumi.ResourceOptions(parent=parent, provider=host.provider),
    )
    return volume.name


class VolumeOwnerProvider(ApplyProvider):
    """Create, read, update of `VolumeOwner`."""

    named_after = "volume"
    compared = ("docker_host", "volume", "owner")

    def apply(self, props: Props) -> None:
        owner = int(props["owner"])
        with engine.throwaway(
            engine.connect(props["docker_host"]),
            props["image"],
            ["chown", f"{owner}:{owner}", "/volume"],
            volumes={props["volume"]: "/volume"},
            capabilities=["CHOWN"],
            labels=props["labels"],
        ) as container:
            code, output = engine.run_to_end(container)
        if code:
            raise engine.EngineError(f"volume {props['volume']} can't be given to user: {output}")

    def read(self, id_: str, props: Props) -> ReadResult:
        there = engine.has_volume(engine.connect(props["docker_host"]), props["volume"])
        return ReadResult(id_, props) if there else gone()


class VolumeOwner(Resource, module="homeport", name="VolumeOwner"):
    """Gives a volume's top folder to a user: Docker makes it root's, and services aren't root."""

    volume: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        volume: pulumi.Input[str],
        owner: int,
        image: str,
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "volume": volume,
            "owner": owner,
            "image": image,
            "labels": dict(labels),
        }
        super().__init__(VolumeOwnerProvider(), name, props, opts)
