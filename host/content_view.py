"""A site's own view of the content that the publisher keeps: one folder, as a volume.

The provider class is stored in the state by reference, as `host.content_view`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource

from host import engine, shared_folders
from host.docker_host import DockerHost
from host.file_tree import MARKER
from host.provider import Props, Provider, gone
from host.user import USER

_MARK = "publisher"
_VOLUME_AT = "/volume"


def content_view(
    name: str,
    host: DockerHost,
    parent: pulumi.ComponentResource,
    *,
    content: pulumi.Input[str],
    image: str,
) -> docker.Volume:
    """A volume that is the folder `sites/<name>` of the volume `content`, and shows no other.

    Removing it removes no data. `image` is any image of the host; it makes the folder.
    """
    opts = host.child(parent, image)
    folder = ContentFolder(
        name,
        docker_host=host.docker_host,
        volume=content,
        site=name,
        image=image,
        labels=host.plain_labels(name),
        opts=opts,
    )
    return docker.Volume(
        f"{name}-view",
        driver_opts={"type": "none", "o": "bind", "device": folder.path},
        labels=host.volume_labels(name),
        opts=pulumi.ResourceOptions(parent=parent, provider=host.provider),
    )


class ContentFolderProvider(Provider):
    """Create and read of `ContentFolder`. Deleting leaves the folder: it is data."""

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        compared = ("docker_host", "volume", "site")
        changed = [key for key in compared if olds.get(key) != news.get(key)]
        return DiffResult(changes=bool(changed), replaces=changed, delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        # Whoever had the folder before leaves what is served until the first release is there.
        make = f"mkdir -p {_top(props)}/releases && echo {_MARK} >{_top(props)}/{MARKER}"
        problem = _in_volume(props, "sh", "-c", make)
        if problem:
            raise engine.EngineError(f"{props['site']}: no folder for its content: {problem}")
        return CreateResult(props["site"], outs={**props, "path": _path(props)})

    def read(self, id_: str, props: Props) -> ReadResult:
        client = engine.connect(props["docker_host"])
        if not engine.has_volume(client, props["volume"]):
            return gone()
        volume, image = props["volume"], props["image"]
        is_there = shared_folders.seen(props["docker_host"], volume, _folder(props)) is not None
        if not is_there and engine.has_image(client, image):
            with engine.holder(client, volume, image=image, labels=props["labels"]) as (there, at):
                if not engine.exists(there, f"{_top(props, at)}/releases"):
                    return gone()
        return ReadResult(id_, {**props, "path": _path(props)})


class ContentFolder(Resource, module="homeport", name="ContentFolder"):
    """Makes a site's folder before the publisher does, and answers where it is on the host.

    It is never empty: into an empty volume Docker copies what the image has at the mount's
    path, with its owner, and the publisher couldn't write there any more.
    """

    path: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        volume: pulumi.Input[str],
        site: str,
        image: str,
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "volume": volume,
            "site": site,
            "image": image,
            "labels": dict(labels),
            "path": None,
        }
        super().__init__(ContentFolderProvider(), name, props, opts)


def _folder(props: Props) -> str:
    return f"sites/{props['site']}"


def _top(props: Props, volume_at: str = _VOLUME_AT) -> str:
    return f"{volume_at}/{_folder(props)}"


def _path(props: Props) -> str:
    volume = engine.connect(props["docker_host"]).volumes.get(props["volume"])
    return f"{volume.attrs['Mountpoint']}/{_folder(props)}"


def _in_volume(props: Props, *command: str) -> str:
    """Run a command on the content as its owner: what it says where it fails, else nothing."""
    with engine.throwaway(
        engine.connect(props["docker_host"]),
        props["image"],
        command,
        user=f"{USER}:{USER}",
        volumes={props["volume"]: _VOLUME_AT},
        labels=props["labels"],
    ) as container:
        code, output = engine.run_to_end(container)
    shared_folders.forget()
    return (output or f"exit code {code}") if code else ""
