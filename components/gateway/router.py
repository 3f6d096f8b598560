"""The router: what the door passes every request on to, reloaded when routes change."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, caddy, caddy_files
from components.entrance import STATE_AT
from components.gateway.proxy_caddyfile import HEALTH_PORT, Gateway
from components.gateway.router_caddyfile import router_files, router_secret_files
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER


@dataclass(frozen=True, kw_only=True)
class CaddyRouterArgs:
    """What the router serves."""

    host: DockerHost
    image: str
    data: Mount
    """Where certificates and sockets are, the same volume for the door."""
    gateway: Gateway


class CaddyRouter(pulumi.ComponentResource):
    """Knows every host, obtains its certificate, and answers on sockets of the data volume alone.

    It depends on no site: routes are plain data, its networks are always the same.
    """

    def __init__(
        self, name: str, args: CaddyRouterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddyRouter", name, None, opts)
        host = args.host
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            caddy_files(router_files(args.gateway), router_secret_files(args.gateway)),
            component=name,
            image=args.image,
            at=CONFIG_AT,
        )
        self.config = config.mount.volume
        """The volume of its files, where the door finds its socket and the hosts."""
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=args.image,
                command=caddy("run"),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}/",
                networks={
                    "edge": host.edge.name,
                    "web": host.web.name,
                    "services": host.services.name,
                    "guarded": host.guarded.name,
                },
                replace="in_place",
                mounts=[config.mount, args.data],
                env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": STATE_AT},  # noqa: S108 - in the container
                capabilities=CAPABILITIES,
                memory_mib=512,
            ),
            pulumi.ResourceOptions.merge(
                host.child(self, args.image), pulumi.ResourceOptions(depends_on=[config.written])
            ),
        )
        self.revision = pulumi.Output.concat(container.id, " ", config.written.digest)
        """Changes with all that visitors could notice."""
        self.register_outputs({"revision": self.revision})
