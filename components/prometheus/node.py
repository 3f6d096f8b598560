"""The node exporter: figures of the Docker host, seen from a container that can touch nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.mounts import Bind, Mount

_ADDRESS = "node-exporter:9100"
_NAME, _, _PORT = _ADDRESS.partition(":")
_USER = 65534
"""Nobody's id, because the files that it mounts belong to another user."""
_DISKS_AT = "/disks"
ROOT_FILE = "/etc/os-release"
"""A file of the host that anybody may read. Mounted, it tells the size of the host's root disk."""
# What the kernel tells in every container, of the whole host. The network isn't among it.
_COLLECTORS = ("cpu", "filesystem", "loadavg", "meminfo", "stat", "uname", "vmstat")


@dataclass(frozen=True, kw_only=True)
class NodeExporterArgs:
    """Where it runs, and what shows it the disk that Docker keeps everything on."""

    host: DockerHost
    image: str
    data: pulumi.Input[str]
    """A volume; it is mounted to learn how full its disk is."""


class NodeExporter(pulumi.ComponentResource):
    """Reads the host's figures without its folders, network and processes.

    Memory, processors and the time of the last start are the same in every container. Of a
    disk it needs one folder, or one file, that lies on it.
    """

    def __init__(
        self, name: str, args: NodeExporterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:NodeExporter", name, None, opts)
        host = args.host
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=args.image,
                command=[
                    "node_exporter",
                    "--collector.disable-defaults",
                    *(f"--collector.{collector}" for collector in _COLLECTORS),
                    f"--collector.filesystem.mount-points-include=^{_DISKS_AT}/",
                    "--log.format=json",
                ],
                user=_USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{_PORT}/",
                networks={"services": host.services.name},
                aliases={"services": _NAME},
                replace="in_place",
                mounts=[
                    Bind(path=ROOT_FILE, at=f"{_DISKS_AT}/root"),
                    Mount(volume=args.data, at=f"{_DISKS_AT}/docker"),
                ],
                memory_mib=48,
                cpus=0.5,
            ),
            host.child(self, args.image),
        )
        self.targets = (Target(job="node", address=_ADDRESS),)
        self.register_outputs({"id": container.id})
