"""Generated files of a service, in a volume that its container mounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from host.docker_host import DockerHost
from host.files import Files
from host.mounts import Mount
from host.volume_files import VolumeFiles, VolumeFilesArgs


@dataclass(frozen=True)
class MountedFiles:
    """Files that are written before the container that mounts them is made."""

    mount: Mount
    """Read-only; the current files are in `current/` below it."""
    written: VolumeFiles
    """What the container depends on."""


def mounted_files(
    name: str,
    host: DockerHost,
    parent: pulumi.ComponentResource,
    files: Files,
    *,
    component: str,
    image: str,
    at: str,
    after: Sequence[pulumi.Resource] = (),
) -> MountedFiles:
    """Declare `files` in a volume of their own, for services of `image` that see them `at` a path.

    The volume is `component`'s and goes with its owner, as its files can be made again. `after` is
    what has to be there before they are written.
    """
    volume = docker.Volume(
        name,
        labels=host.volume_labels(component),
        opts=pulumi.ResourceOptions(parent=parent, provider=host.provider),
    )
    written = VolumeFiles(
        name,
        VolumeFilesArgs(
            docker_host=host.docker_host,
            volume=volume.name,
            mount=at,
            image=image,
            files=files,
            labels=host.plain_labels(component),
        ),
        host.child(parent, image, after=after),
    )
    return MountedFiles(Mount(volume=volume.name, at=at), written)
