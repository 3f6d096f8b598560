"""The gateway: a door that publishes ports and speaks TLS, and behind it the router."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, caddy, caddy_files
from components.entrance import GATEWAY, STATE_AT
from components.gateway.proxy_caddyfile import (
    HEALTH_PORT,
    METRICS_PORT,
    ROUTER_METRICS_PORT,
    ROUTES_AT,
    Gateway,
    proxy_caddyfile,
)
from components.gateway.router import CaddyRouter, CaddyRouterArgs
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.mounted_files import mounted_files
from host.mounts import Mount, Port
from host.user import USER
from host.volumes import data_volume

ROUTER = "router"


@dataclass(frozen=True, kw_only=True)
class CaddyProxyArgs:
    """What the gateway serves and where it listens."""

    host: DockerHost
    image: str
    gateway: Gateway
    """What its Caddyfiles say."""


class CaddyProxy(pulumi.ComponentResource):
    """Terminates TLS for every route, over HTTP/1.1, 2 and 3, and passes requests on.

    Nothing that the door is made of depends on routes, so it holds visitors' connections while
    the router behind it reloads. Only another image or other ports replace it.
    """

    def __init__(
        self, name: str, args: CaddyProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddyProxy", name, None, opts)
        host, at = args.host, args.gateway.at
        child = host.child(self, args.image)
        volume = data_volume(
            f"{name}-data", host, self, component=GATEWAY, image=args.image, owner=USER
        )
        data = Mount(volume=volume, at=STATE_AT, read_only=False)
        router = CaddyRouter(
            ROUTER,
            CaddyRouterArgs(host=host, image=args.image, data=data, gateway=args.gateway),
            pulumi.ResourceOptions(parent=self),
        )
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            caddy_files(
                {"Caddyfile": proxy_caddyfile(args.gateway)} | args.gateway.certificate_files
            ),
            component=GATEWAY,
            image=args.image,
            at=CONFIG_AT,
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=GATEWAY,
                image=args.image,
                command=caddy("run"),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}/",
                # Among services it is asked as visitors ask, and for figures. No site gets there.
                networks={"edge": host.edge.name, "services": host.services.name},
                aliases={"services": GATEWAY},
                replace="in_place",
                mounts=[
                    config.mount,
                    Mount(volume=router.config, at=ROUTES_AT),
                    data,
                ],
                ports=[
                    Port(number=at.http, protocol="tcp", address=str(at.address)),
                    Port(number=at.https, protocol="tcp", address=str(at.address)),
                    Port(number=at.https, protocol="udp", address=str(at.address)),
                ],
                env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": STATE_AT},  # noqa: S108 - in the container
                capabilities=CAPABILITIES,
                memory_mib=512,
            ),
            pulumi.ResourceOptions.merge(
                child,
                # After the router: on a new volume only one of them may make the CA.
                pulumi.ResourceOptions(depends_on=[config.written, router]),
            ),
        )
        self.revision = pulumi.Output.concat(
            container.id, " ", config.written.digest, " ", router.revision
        )
        """Changes with all that visitors could notice."""
        self.targets = tuple(
            Target(job="gateway", address=f"{GATEWAY}:{port}")
            for port in (METRICS_PORT, ROUTER_METRICS_PORT)
        )
        self.register_outputs({"revision": self.revision})
