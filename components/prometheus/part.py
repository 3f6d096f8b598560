"""What Prometheus, Alertmanager and the blackbox exporter have in common: all but their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.prometheus.config import CONFIG_AT
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER


@dataclass(frozen=True, kw_only=True)
class PartArgs:
    """What differs between them."""

    image: str
    address: str
    """Where the others find it, on the network `services`."""
    outside: bool = False
    """Whether it may leave the host."""
    files: Files
    command: Sequence[str]
    keeps: Sequence[Mount] = ()
    """Volumes for what it keeps."""
    memory_mib: int
    cpus: float


def part(
    name: str, host: DockerHost, parent: pulumi.ComponentResource, args: PartArgs
) -> docker.Container:
    """A service that is configured by files, which it reads again when they change."""
    config = mounted_files(
        f"{name}-config",
        host,
        parent,
        args.files,
        component=name,
        image=args.image,
        at=CONFIG_AT,
    )
    alias, _, port = args.address.partition(":")
    return service_container(
        name,
        host,
        ContainerArgs(
            component=name,
            image=args.image,
            command=args.command,
            user=USER,
            probe=f"wget -q -O /dev/null http://127.0.0.1:{port}/-/healthy",
            networks={
                "services": host.services.name,
                **({"edge": host.edge.name} if args.outside else {}),
            },
            aliases={"services": alias},
            replace="in_place",
            mounts=[config.mount, *args.keeps],
            memory_mib=args.memory_mib,
            cpus=args.cpus,
        ),
        host.child(parent, args.image, after=[config.written]),
    )
