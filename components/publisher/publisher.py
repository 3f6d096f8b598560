"""The publisher: one service that brings what sites have in git into their web roots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from components.publisher.sources import (
    COMPONENT,
    PORT,
    Sources,
    public_files,
    secret_files,
    webhook_routes,
)
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER

_CONFIG_AT = "/etc/publisher"
_MIRROR_AT = "/mirror"
_CONTENT_AT = "/state"


@dataclass(frozen=True, kw_only=True)
class PublisherArgs:
    """What is published, and whether the publisher may leave the host for it."""

    host: DockerHost
    image: str
    content: pulumi.Input[str]
    """The volume of all content."""
    outside: bool
    sources: Sources


class Publisher(pulumi.ComponentResource):
    """Fetches repositories, on a push and at intervals, and switches sites to new versions.

    Only the publisher writes to the volume of all content; a site with a container sees one folder
    of it (`host/content_view.py`). The service reads the list of sites again when that file
    changes, so another site doesn't replace the publisher.
    """

    def __init__(
        self, name: str, args: PublisherArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Publisher", name, None, opts)
        host = args.host
        files = [
            mounted_files(
                f"{name}-{what}", host, self, of_it, component=COMPONENT, image=args.image, at=at
            )
            for what, at, of_it in _files(args.sources)
        ]
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=COMPONENT,
                image=args.image,
                command=_publisher("serve"),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{PORT}/healthz",
                networks=host.among_services(outside=args.outside),
                aliases={"services": COMPONENT},
                replace="in_place",
                mounts=[
                    Mount(volume=args.content, at=_CONTENT_AT, read_only=False),
                    *(each.mount for each in files),
                ],
                memory_mib=512,
            ),
            host.child(self, args.image, after=[each.written for each in files]),
        )
        self.routes = webhook_routes(args.sources)
        self.targets = (Target(job=COMPONENT, address=f"{COMPONENT}:{PORT}"),)
        self.revision = container.id
        """Changes with all that visitors could notice, but for content and routes."""
        self.register_outputs({"revision": self.revision})


def _files(sources: Sources) -> Iterable[tuple[str, str, Files]]:
    """The files that the service reads, by purpose, and where it sees them."""
    config = Files(
        public=public_files(sources),
        secret=secret_files(sources),
        owner=USER,
        validate=_publisher("check", f"{_CONFIG_AT}/current/sources.json"),
    )
    yield "config", _CONFIG_AT, config
    if sources.mirror:
        folders = {folder.as_posix(): folder for folder in sources.mirror}
        yield "mirror", _MIRROR_AT, Files(folders=folders)


def _publisher(verb: str, *arguments: str) -> list[str]:
    return ["python3", "-m", "publisher", verb, *arguments]
