"""Alertmanager: it gathers alerts into messages and sends them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.prometheus.alertmanager_config import (
    CONFIG,
    alertmanager_secrets,
    alertmanager_yml,
)
from components.prometheus.config import ALERTMANAGER, CONFIG_AT, reload_request
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER
from host.volumes import data_volume
from values.prometheus import Notify

_DATA_AT = "/state"
_NAME, _, _PORT = ALERTMANAGER.partition(":")


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """Who gets alerts, and whether Alertmanager may reach them outside the host."""

    host: DockerHost
    image: str
    outside: bool
    url: str
    """Where links in messages lead: Alertmanager's own page is shown to nobody."""
    notify: Notify


class Alertmanager(pulumi.ComponentResource):
    """Sends Prometheus' alerts. A separate volume remembers what it has sent."""

    def __init__(
        self, name: str, args: AlertmanagerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Alertmanager", name, None, opts)
        host = args.host
        data = data_volume(f"{name}-data", host, self, component=name, image=args.image, owner=USER)
        file = f"{CONFIG_AT}/current/{CONFIG}"
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            Files(
                public={CONFIG: alertmanager_yml(args.notify)},
                secret=alertmanager_secrets(args.notify),
                owner=USER,
                validate=["amtool", "check-config", file],
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
                    "alertmanager",
                    f"--config.file={file}",
                    f"--storage.path={_DATA_AT}",
                    f"--web.external-url={args.url}",
                    "--cluster.listen-address=",  # there is no other
                    "--log.format=json",
                ],
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{_PORT}/-/healthy",
                networks=host.among_services(outside=args.outside),
                aliases={"services": _NAME},
                replace="in_place",
                mounts=[
                    config.mount,
                    Mount(volume=data, at=_DATA_AT, read_only=False),
                ],
                memory_mib=96,
                cpus=0.5,
            ),
            host.child(self, args.image, after=[config.written]),
        )
        self.targets = (Target(job=name, address=ALERTMANAGER),)
        self.register_outputs({"id": container.id})
