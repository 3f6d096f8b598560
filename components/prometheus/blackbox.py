"""The blackbox exporter: it asks the stack's URLs as visitors do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.prometheus.config import (
    BLACKBOX,
    CONFIG_AT,
    ROOTS,
    Probe,
    blackbox_yml,
    reload_request,
)
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.user import USER

_NAME, _, _PORT = BLACKBOX.partition(":")


@dataclass(frozen=True, kw_only=True)
class BlackboxArgs:
    """What is asked, and whom TLS is believed."""

    host: DockerHost
    image: str
    probed: Sequence[Probe]
    roots: pulumi.Input[str] | None
    """Certificates, as PEM, that alone are trusted; None for those that the image brings."""


class Blackbox(pulumi.ComponentResource):
    """Asks a URL whenever Prometheus scrapes it here, at the gateway and nowhere else."""

    def __init__(
        self, name: str, args: BlackboxArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Blackbox", name, None, opts)
        host = args.host
        file = f"{CONFIG_AT}/current/blackbox.yml"
        own_roots = args.roots is not None
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            Files(
                public={
                    "blackbox.yml": blackbox_yml(args.probed, own_roots=own_roots),
                    **({ROOTS: args.roots} if args.roots is not None else {}),
                },
                validate=["blackbox_exporter", "--config.check", f"--config.file={file}"],
                reload=reload_request(_PORT),
            ),
            component=name,
            image=args.image,
            at=CONFIG_AT,
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=args.image,
                command=[
                    "blackbox_exporter",
                    f"--config.file={file}",
                    "--log.format=json",
                    "--log.prober=error",  # each redirect is a warning otherwise
                ],
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{_PORT}/-/healthy",
                networks={"services": host.services.name},
                aliases={"services": _NAME},
                replace="in_place",
                mounts=[config.mount],
                memory_mib=96,
                cpus=0.5,
            ),
            host.child(self, args.image, after=[config.written]),
        )
        self.targets = (Target(job=name, address=BLACKBOX),)
        self.register_outputs({"id": container.id})
