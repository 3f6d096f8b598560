"""The publisher: one service that brings what sites have in git into their web roots."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.container import ContainerArgs, Mount, service_container
from components.docker_host import DockerHost
from components.publisher_sources import (
    COMPONENT,
    PORT,
    USER,
    Sources,
    public_files,
    secret_files,
    webhook_routes,
)
from components.targets import Target
from components.volume_files import VolumeFiles, VolumeFilesArgs
from components.volumes import data_volume, files_volume

_CONFIG_AT = "/etc/publisher"
_MIRROR_AT = "/mirror"
_CONTENT_AT = "/state"


@dataclass(frozen=True, kw_only=True)
class PublisherArgs:
    """What is published, and whether the publisher may leave the host for it."""

    host: DockerHost
    image: str
    outside: bool
    sources: Sources


class Publisher(pulumi.ComponentResource):
    """Fetches repositories, on a push and now and then, and switches sites to what is new.

    It alone mounts the volume of all sites' content whole; each site sees a folder of it
    (`components/content_view.py`). The list of sites is a file that the service reads again
    when it changes, so another site replaces nothing.
    """

    def __init__(
        self, name: str, args: PublisherArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Publisher", name, None, opts)
        host = args.host
        child = host.child(self, args.image)
        self.content = data_volume("content", host, self, image=args.image, owner=USER)
        """The name of the volume with all sites' content."""
        mounts = [Mount(volume=self.content, at=_CONTENT_AT, read_only=False)]
        config = files_volume(f"{name}-config", host, self)
        mounts.append(Mount(volume=config.name, at=_CONFIG_AT))
        files = [
            VolumeFiles(
                f"{name}-config",
                VolumeFilesArgs(
                    docker_host=host.docker_host,
                    volume=config.name,
                    mount=_CONFIG_AT,
                    image=args.image,
                    files=public_files(args.sources),
                    secret_files=secret_files(args.sources),
                    owner=USER,
                    validate=_publisher("check", f"{_CONFIG_AT}/current/sources.json"),
                    labels=host.plain_labels(name),
                ),
                child,
            )
        ]
        if args.sources.mirror:
            mirror = files_volume(f"{name}-mirror", host, self)
            mounts.append(Mount(volume=mirror.name, at=_MIRROR_AT))
            files.append(
                VolumeFiles(
                    f"{name}-mirror",
                    VolumeFilesArgs(
                        docker_host=host.docker_host,
                        volume=mirror.name,
                        mount=_MIRROR_AT,
                        image=args.image,
                        folders={folder.as_posix(): folder for folder in args.sources.mirror},
                        labels=host.plain_labels(name),
                    ),
                    child,
                )
            )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=COMPONENT,
                image=args.image,
                command=_publisher("serve"),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{PORT}/healthz",
                networks={
                    "services": host.services.name,
                    **({"edge": host.edge.name} if args.outside else {}),
                },
                aliases={"services": COMPONENT},
                replace="in_place",
                mounts=mounts,
                memory_mib=512,
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=files)),
        )
        self.routes = webhook_routes(args.sources)
        self.targets = (Target(job=COMPONENT, address=f"{COMPONENT}:{PORT}"),)
        self.revision = container.id
        """Changes with all that visitors could notice, but for content and routes."""
        self.register_outputs({"revision": self.revision})


def _publisher(verb: str, *arguments: str) -> list[str]:
    return ["python3", "-m", "publisher", verb, *arguments]
