"""The container that saves the stack's data each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_docker as docker

from components.backup.container import (
    COMPONENT,
    COPIES_AT,
    DATA_AT,
    FOLDER_AT,
    MEMORY_MIB,
    PLAN,
    PLAN_AT,
    PROBE,
    READS,
    STATE_AT,
    capabilities,
)
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Bind, Mount

_ROOT = 0


@dataclass(frozen=True, kw_only=True)
class BackupArgs:
    """What is saved, and where."""

    host: DockerHost
    image: str
    plan: str = field(repr=False)
    """The file that says it, with its secrets."""
    volumes: Sequence[str]
    """What is read, each by the end of its name."""
    folder: str
    """The repository, if it is a folder of the host; else empty."""
    outside: bool
    """Whether the repository may be outside the host."""
    after: Sequence[pulumi.Resource]
    """What makes the volumes."""


class Backup(pulumi.ComponentResource):
    """Saves each day at a time, and tells how it went.

    It reads whoever's files, so it runs as root, with one capability that lets it read and none
    that lets it write; data is mounted read-only. Its own two volumes go with it: what it
    remembers with restic's cache, and what is saved beside the data. The plan is a secret file
    that it reads again for each run.
    """

    def __init__(
        self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Backup", name, None, opts)
        host = args.host
        plan = mounted_files(
            f"{name}-plan",
            host,
            self,
            Files(secret={PLAN: args.plan}, owner=_ROOT),
            component=COMPONENT,
            image=args.image,
            at=PLAN_AT,
        )
        own = {at: self._volume(f"{name}-{at.strip('/')}", host) for at in (STATE_AT, COPIES_AT)}
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=COMPONENT,
                image=args.image,
                command=["python3", "-m", "backup", "serve"],
                user=_ROOT,
                probe=PROBE,
                networks=host.among_services(outside=args.outside),
                aliases={"services": COMPONENT},
                replace="in_place",
                mounts=[
                    plan.mount,
                    *(Mount(volume=each, at=at, read_only=False) for at, each in own.items()),
                    *(
                        Mount(volume=host.volume_name(each), at=f"{DATA_AT}/{each}")
                        for each in args.volumes
                    ),
                    *(
                        [Bind(path=args.folder, at=FOLDER_AT, read_only=False)]
                        if args.folder
                        else []
                    ),
                ],
                capabilities=capabilities(*READS, is_folder=bool(args.folder)),
                memory_mib=MEMORY_MIB,
                cpus=1,
            ),
            host.child(self, args.image, after=[plan.written, *args.after]),
        )
        self.register_outputs({"id": container.id})

    def _volume(self, name: str, host: DockerHost) -> pulumi.Output[str]:
        volume = docker.Volume(
            name,
            labels=host.volume_labels(COMPONENT),
            opts=pulumi.ResourceOptions(parent=self, provider=host.provider),
        )
        return volume.name
