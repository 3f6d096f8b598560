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
from components.prometheus.part import PartArgs, part
from components.targets import Target
from host.docker_host import DockerHost
from host.files import Files


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
        file = f"{CONFIG_AT}/current/blackbox.yml"
        own_roots = args.roots is not None
        container = part(
            name,
            args.host,
            self,
            PartArgs(
                image=args.image,
                address=BLACKBOX,
                files=Files(
                    public={
                        "blackbox.yml": blackbox_yml(args.probed, own_roots=own_roots),
                        **({ROOTS: args.roots} if args.roots is not None else {}),
                    },
                    validate=["blackbox_exporter", "--config.check", f"--config.file={file}"],
                    reload=reload_request(BLACKBOX),
                ),
                command=[
                    "blackbox_exporter",
                    f"--config.file={file}",
                    "--log.format=json",
                    "--log.prober=error",  # each redirect is a warning otherwise
                ],
                memory_mib=96,
                cpus=0.5,
            ),
        )
        self.targets = (Target(job=name, address=BLACKBOX),)
        self.register_outputs({"id": container.id})
