"""The router: Caddy, which has every host and certificate, and is reloaded when routes change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, caddy_files
from components.content import CONTENT_AT
from components.entrance import ACCESS_LOG, STATE_AT
from components.gateway.caddyfile import router_files, router_secret_files
from components.gateway.gateway import CURRENT, HEALTH_PORT, SOCKETS_AT, Gateway
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.mounted_files import mounted_files
from host.mounts import Mount, Port
from host.user import USER

_MEMORY_MIB = 512
_SCRIPTS_AT = f"{CONFIG_AT}/current"
_UNLISTED = f"{STATE_AT}/unlisted"


@dataclass(frozen=True, kw_only=True)
class CaddyRouterArgs:
    """What the router serves."""

    host: DockerHost
    image: str
    data: pulumi.Input[str]
    """The volume with certificates and keys."""
    sockets: pulumi.Input[str]
    content: pulumi.Input[str]
    """The volume with the content of sites."""
    gateway: Gateway
    after: pulumi.Resource
    """The proxy. In older stacks it had the UDP port, so it is replaced first."""
    refused: Sequence[pulumi.Input[str]] = ()
    """Components of which nothing is served, and empty texts for others. Known once there is what
    the router itself serves."""


class CaddyRouter(pulumi.ComponentResource):
    """Gets certificates, terminates TLS, and passes requests on.

    It serves HTTP/1.1 and 2 on sockets alone, and HTTP/3 on the published UDP port. It depends on
    no site: routes are plain data, its networks are always the same.
    """

    def __init__(
        self, name: str, args: CaddyRouterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddyRouter", name, None, opts)
        host, at = args.host, args.gateway.at
        # Anyone who writes content could place a link in it to anything that the router reads. So
        # this path has a part that nobody can guess, below a folder that nobody can list.
        state_at = pulumi.Output.concat(_UNLISTED, "/", host.stack_id)
        files = caddy_files(_public_files(args), router_secret_files(args.gateway))
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            replace(files, reload=["sh", f"{_SCRIPTS_AT}/reload.sh"]),
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
                command=["sh", f"{_SCRIPTS_AT}/run.sh"],
                user=USER,
                # Visitors have to be led to it as well.
                probe=f"wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}/ "
                f"&& test -S {CURRENT}/https.sock",
                networks={
                    "edge": host.edge.name,
                    "web": host.web.name,
                    "services": host.services.name,
                    "guarded": host.guarded.name,
                },
                replace="in_place",
                mounts=[
                    config.mount,
                    Mount(volume=args.data, at=state_at, read_only=False),
                    Mount(volume=args.sockets, at=SOCKETS_AT, read_only=False),
                    Mount(volume=args.content, at=CONTENT_AT),
                ],
                ports=[Port(number=at.https, protocol="udp", address=str(at.address))],
                env=_environment(state_at),
                unlisted=_UNLISTED,
                capabilities=CAPABILITIES,
                memory_mib=_MEMORY_MIB,
            ),
            host.child(self, args.image, after=[config.written, args.after]),
        )
        self.revision = pulumi.Output.concat(container.id, " ", config.written.digest)
        """Changes with all that visitors could notice."""
        self.register_outputs({"revision": self.revision})


def _environment(state_at: pulumi.Output[str]) -> Mapping[str, pulumi.Input[str]]:
    return {
        "XDG_CONFIG_HOME": "/tmp",  # noqa: S108 - in the container
        "XDG_DATA_HOME": state_at,
        ACCESS_LOG: pulumi.Output.concat(state_at, "/logs/access.log"),
        # Garbage is collected half as often, for a tenth more requests a second, and more often
        # again before the container's memory is full.
        "GOGC": "200",
        "GOMEMLIMIT": f"{_MEMORY_MIB * 7 // 8}MiB",
    }


def _public_files(args: CaddyRouterArgs) -> Mapping[str, pulumi.Output[str]]:
    files = router_files(args.gateway)
    rendered = pulumi.Output.all(*args.refused).apply(
        lambda refused: router_files(args.gateway.refusing(refused)) if any(refused) else files
    )
    return {name: rendered[name] for name in files}
