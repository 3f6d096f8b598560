"""The one place that declares a container, so that each is hardened and heals alike."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import pulumi
import pulumi_docker as docker

from host.docker_host import DockerHost
from host.mounts import Bind, Mount, Port

_GRACE_SECONDS = 30
_MIB = 1024 * 1024

_REPLACE_ON_CHANGES = [
    # The provider announces an update of these and then changes nothing.
    "healthcheck",
    "tmpfs",
    "init",
    "cpus",
    "mounts",  # of one that only has another source
    # A container that never got healthy: without it the next `up` is green and changes nothing.
    "#initerror",
]


@dataclass(frozen=True, kw_only=True)
class ContainerArgs:
    """What differs from one container to the next. All else is the same for all."""

    component: str
    """Whose container it is: the value of its label, and of `make logs NAME=…`."""
    image: str
    command: Sequence[str]
    """The whole command line, so that the image's own entrypoint and command don't matter."""
    user: int
    probe: str
    """A shell command that succeeds while the service serves."""
    networks: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Network names by what they are for."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Names by which others find it, by the network that it has them on; nobody is reached on
    `edge`."""
    replace: Literal["blue_green", "in_place"]
    """`blue_green` for what may run twice for a moment; `in_place` for what owns a port or
    writes a volume."""
    mounts: Sequence[Mount | Bind] = ()
    unlisted: str = ""
    """A folder in memory, in a folder of its own, whose names nobody can list: whoever doesn't know
    a name can't find a mount. Empty means no such folder."""
    ports: Sequence[Port] = ()
    env: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    capabilities: Sequence[str] = ()
    memory_mib: int = 256
    cpus: float | None = None
    processes: int = 4096


def service_container(
    name: str, host: DockerHost, args: ContainerArgs, opts: pulumi.ResourceOptions
) -> docker.Container:
    """A hardened container. One that is replaced in place is up once its probe succeeds.

    Root file system read-only, with a small `/tmp`; every capability dropped but `capabilities`;
    no new privileges; memory and processes bounded; logs rotated; a graceful stop.
    """
    in_place = args.replace == "in_place"
    return docker.Container(
        name,
        image=args.image,
        entrypoints=list(args.command[:1]),
        command=list(args.command[1:]),
        user=f"{args.user}:{args.user}",
        envs=[pulumi.Output.concat(key, "=", value) for key, value in sorted(args.env.items())],
        labels=[
            docker.ContainerLabelArgs(label=label, value=value)
            for label, value in host.labels(args.component).items()
        ],
        networks_advanced=_networks(args),
        mounts=[_mount(mount) for mount in args.mounts],
        ports=_ports(args),
        read_only=True,
        tmpfs={
            "/tmp": "size=16m,mode=1777,noexec,nosuid,nodev",  # noqa: S108 - in the container
            **_unlisted(args.unlisted),
        },
        capabilities=docker.ContainerCapabilitiesArgs(
            drops=["ALL"], adds=[f"CAP_{name}" for name in sorted(args.capabilities)]
        ),
        security_opts=["no-new-privileges:true"],
        memory=args.memory_mib,
        memory_swap=args.memory_mib,  # equal: no swap
        cpus=None if args.cpus is None else _cpus(args.cpus),
        # Docker's own process limit isn't in the provider. This one counts all processes of
        # the user id, so it is wide: it ends a fork bomb, and no busy neighbour.
        ulimits=[
            docker.ContainerUlimitArgs(name="nproc", soft=args.processes, hard=args.processes)
        ],
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "3"},
        healthcheck=_healthcheck(args.probe, kill=host.restart == "always"),
        init=True,  # the service isn't process 1, so its health check may end it
        restart=host.restart,
        must_run=True,
        wait=in_place,  # else its promotion waits
        wait_timeout=60,
        destroy_grace_seconds=_GRACE_SECONDS,
        stop_timeout=_GRACE_SECONDS,
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                delete_before_replace=in_place, replace_on_changes=_REPLACE_ON_CHANGES
            ),
        ),
    )


def _unlisted(at: str) -> Mapping[str, str]:
    """A folder that nobody can list, in one that is in memory as well.

    Where a mount point is there already, runc gives what it mounts the mode of that, 0755, and not
    its own. In the image's file system it is there from the second start on; in memory never.
    """
    if not at:
        return {}
    parent = str(PurePosixPath(at).parent)
    return {
        parent: "size=4k,mode=0755,noexec,nosuid,nodev",
        at: "size=64k,mode=0711,noexec,nosuid,nodev",
    }


def _networks(args: ContainerArgs) -> list[docker.ContainerNetworksAdvancedArgs]:
    return [
        docker.ContainerNetworksAdvancedArgs(
            name=network, aliases=[args.aliases[purpose]] if purpose in args.aliases else []
        )
        for purpose, network in args.networks.items()
    ]


def _ports(args: ContainerArgs) -> list[docker.ContainerPortArgs]:
    """In the order in which the provider reads them back."""
    return [
        docker.ContainerPortArgs(
            internal=port.number, external=port.number, protocol=port.protocol, ip=port.address
        )
        for port in sorted(args.ports, key=lambda port: (port.number, port.protocol))
    ]


def _cpus(number: float) -> str:
    """As the provider reads it back (`nanoInt64ToDecimalString`): 1.0 and 0.25, but 10. for ten.
    Anything else would replace the container in every update.
    """
    text = f"{number:.9f}"
    return f"{number:.1f}" if text.count("0") == 9 else text.rstrip("0")


def _mount(mount: Mount | Bind) -> docker.ContainerMountArgs:
    if isinstance(mount, Bind):
        return docker.ContainerMountArgs(
            type="bind", source=mount.path, target=mount.at, read_only=mount.read_only
        )
    return docker.ContainerMountArgs(
        type="volume", source=mount.volume, target=mount.at, read_only=mount.read_only
    )


def _healthcheck(probe: str, *, kill: bool) -> docker.ContainerHealthcheckArgs:
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", "sh", "-c", health_script(probe, kill=kill)],
        # As Go prints them: any other spelling shows a change in every preview.
        interval="1s",
        timeout="30s",
        start_period="0s",
        retries=2,
    )


def health_script(probe: str, *, kill: bool) -> str:
    """The health check of every service: reports each failure, and ends a service that hangs.

    The first success comes quickly, as Docker asks every second; from then on the check
    itself sleeps, because Docker 20.10 has no slower interval for later. With `kill` it ends
    all processes after two failures in a row, and the restart policy brings the service back:
    at most 20 + 5 + 1 + 5 seconds after a hang. Never before a first success, so a slow start
    isn't killed.
    """
    lines = [
        "[ -e /tmp/health.ok ] && [ ! -e /tmp/health.failed ] && sleep 20",
        f"if timeout 5 sh -c {shlex.quote(probe)} >/dev/null 2>&1; "
        "then touch /tmp/health.ok; rm -f /tmp/health.failed; exit 0; fi",
    ]
    if kill:
        # -1 is every process of the container but the first, which is Docker's init.
        lines.append("[ -e /tmp/health.ok ] && [ -e /tmp/health.failed ] && kill -9 -1")
    # 1 whatever happened before: a check that exits 0 here reports a dead service as healthy.
    return "\n".join([*lines, "touch /tmp/health.failed", "exit 1"])
