"""The gateway: HAProxy, and behind it the router, which is Caddy.

Listens: HAProxy on the TCP ports; the router on sockets, and on the UDP port for HTTP/3.
Routes: the router alone.
Generated: HAProxy's configuration, in its environment; the router's Caddyfile, accounts, revision
and scripts, in a volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.entrance import DATA, GATEWAY, ROUTER
from components.gateway.gateway import (
    FIGURES_PORT,
    HEALTH_PORT,
    ROUTER_FIGURES_PORT,
    SOCKETS_AT,
    Gateway,
    script,
)
from components.gateway.haproxy_config import HOLD_AT, haproxy_config
from components.gateway.router import CaddyRouter, CaddyRouterArgs
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.mounts import Mount, Port
from host.user import USER
from host.volumes import data_volume, memory_volume

HOLD = script("hold.lua")
_CONFIG_AT = "/tmp/haproxy.cfg"  # noqa: S108 - in the container
# HAProxy reads its configuration from files alone. The container writes them from its environment,
# because a volume would be two more resources.
RUN = (
    f'printf %s "$CONFIG" >{_CONFIG_AT} && printf %s "$HOLD" >{HOLD_AT} && '
    f"exec haproxy -db -f {_CONFIG_AT}"
)


@dataclass(frozen=True, kw_only=True)
class CaddyProxyArgs:
    """What the gateway serves and where it listens."""

    host: DockerHost
    image: str
    """HAProxy's."""
    router_image: str
    """Caddy's."""
    gateway: Gateway
    content: pulumi.Input[str]
    """The volume with the content of sites."""
    refused: Sequence[pulumi.Input[str]] = ()
    """Components of which nothing is served, and empty texts for others. Known once there is what
    the gateway itself serves."""


class CaddyProxy(pulumi.ComponentResource):
    """Publishes the ports, holds visitors' connections, and passes them on to the router's sockets.

    Nothing that HAProxy is made of depends on routes or certificates, so it is never reloaded:
    only another image or other ports replace it.
    """

    def __init__(
        self, name: str, args: CaddyProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddyProxy", name, None, opts)
        host, at = args.host, args.gateway.at
        data = data_volume(DATA, host, self, component=GATEWAY, image=args.router_image, owner=USER)
        sockets = memory_volume(f"{name}-sockets", host, self, component=GATEWAY, owner=USER)
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=GATEWAY,
                image=args.image,
                command=["sh", "-c", RUN],
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}/",
                # Services and Prometheus reach it on `services`, where no site stands.
                networks={"edge": host.edge.name, "services": host.services.name},
                aliases={"services": GATEWAY},
                replace="in_place",
                mounts=[Mount(volume=sockets, at=SOCKETS_AT)],
                ports=[
                    Port(number=at.http, protocol="tcp", address=str(at.address)),
                    Port(number=at.https, protocol="tcp", address=str(at.address)),
                ],
                env={"CONFIG": haproxy_config(at), "HOLD": HOLD},
            ),
            host.child(self, args.image),
        )
        router = CaddyRouter(
            ROUTER,
            CaddyRouterArgs(
                host=host,
                image=args.router_image,
                data=data,
                sockets=sockets,
                content=args.content,
                gateway=args.gateway,
                refused=args.refused,
                after=container,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.revision = pulumi.Output.concat(container.id, " ", router.revision)
        """Changes with all that visitors could notice."""
        self.targets = tuple(
            Target(job="gateway", address=f"{GATEWAY}:{port}")
            for port in (FIGURES_PORT, ROUTER_FIGURES_PORT)
        )
        self.register_outputs({"revision": self.revision})
