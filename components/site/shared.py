"""The content of a site without a container: a folder in the volume of all content."""

from __future__ import annotations

import pulumi

from components.content import CONTENT_AT, folder_of
from host.content_view import ContentFolder
from host.docker_host import DockerHost
from host.files import Files
from host.volume_files import VolumeFiles, VolumeFilesArgs


def shared_content(
    name: str,
    host: DockerHost,
    parent: pulumi.ComponentResource,
    files: Files | None,
    *,
    image: str,
    volume: pulumi.Input[str],
) -> pulumi.Resource:
    """Declare what writes a site's files into its folder; without any, the folder alone, to which
    the publisher writes. `image` is the gateway's.
    """
    labels, opts = host.plain_labels(name), host.child(parent, image)
    if files is None:
        return ContentFolder(
            name,
            docker_host=host.docker_host,
            volume=volume,
            site=name,
            image=image,
            labels=labels,
            opts=opts,
        )
    args = VolumeFilesArgs(
        docker_host=host.docker_host,
        volume=volume,
        mount=CONTENT_AT,
        folder=folder_of(name),
        image=image,
        files=files,
        labels=labels,
    )
    return VolumeFiles(name, args, opts)
