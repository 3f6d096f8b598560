"""The gateway: the one container that publishes ports and holds the certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, GLOBAL_OPTIONS, USER, caddy, caddyfile_volume
from components.container import ContainerArgs, Mount, Port, service_container
from components.docker_host import DockerHost
from components.routes import Route
from components.volumes import data_volume

COMPONENT = "proxy"
_DATA_AT = "/state"
ROOT_CERTIFICATE = f"{_DATA_AT}/caddy/pki/authorities/local/root.crt"
"""Where Caddy keeps the certificate of its own CA, in the gateway's container."""

_HEALTH_PORT = 2020


@dataclass(frozen=True, kw_only=True)
class CaddyProxyArgs:
    """What the gateway serves and where it listens."""

    host: DockerHost
    image: str
    routes: Sequence[Route]
    address: str
    """Address of the host that ports are published on."""
    http: int
    https: int
    internal_ca: bool
    """Certificates from the gateway's own CA, instead of Let's Encrypt."""
    plain_hosts: frozenset[str]
    """Hosts that answer over HTTP as well, instead of redirecting to HTTPS."""


class CaddyProxy(pulumi.ComponentResource):
    """Terminates TLS for every route, over HTTP/1.1, 2 and 3, and passes requests on.

    It depends on no site: routes are plain data, its networks are always the same, and a
    change of routes reloads it. Only another image or other ports replace it.
    """

    def __init__(
        self, name: str, args: CaddyProxyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddyProxy", name, None, opts)
        host = args.host
        child = host.child(self, args.image)
        data = data_volume(f"{name}-data", host, self, image=args.image, owner=USER)
        config, files = caddyfile_volume(
            f"{name}-config", host, self, image=args.image, caddyfile=proxy_caddyfile(args)
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=COMPONENT,
                image=args.image,
                command=caddy("run"),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{_HEALTH_PORT}/",
                networks={
                    "edge": host.edge.name,
                    "web": host.web.name,
                    "services": host.services.name,
                },
                replace="in_place",
                mounts=[
                    Mount(volume=config.name, at=CONFIG_AT),
                    Mount(volume=data, at=_DATA_AT, read_only=False),
                ],
                ports=[
                    Port(number=args.http, protocol="tcp", address=args.address),
                    Port(number=args.https, protocol="tcp", address=args.address),
                    Port(number=args.https, protocol="udp", address=args.address),
                ],
                env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": _DATA_AT},  # noqa: S108 - in the container
                capabilities=CAPABILITIES,
                memory_mib=512,
            ),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[files])),
        )
        self.revision = pulumi.Output.concat(container.id, " ", files.digest)
        """Changes with all that visitors could notice."""
        self.register_outputs({"revision": self.revision})


def proxy_caddyfile(args: CaddyProxyArgs) -> str:
    """The gateway's Caddyfile.

    It listens inside on the numbers that are published: Caddy's `Alt-Svc` and the redirects
    name the port that it listens on itself. A host that it doesn't know gets no certificate,
    so TLS is refused, and over HTTP an empty 404.
    """
    tls = "\tlocal_certs\n\tskip_install_trust\n" if args.internal_ca else ""
    blocks = [
        f"""\
{{
{GLOBAL_OPTIONS}	http_port {args.http}
	https_port {args.https}
	auto_https disable_redirects
{tls}}}

http://127.0.0.1:{_HEALTH_PORT} {{
	respond 200
}}

:{args.http} {{
	respond 404
}}

https:// {{
	respond 404
}}
"""
    ]
    for route in sorted(args.routes, key=lambda route: route.hosts):
        for host in route.hosts:
            blocks += _host_blocks(host, route, args)
    return "\n".join(blocks)


def _host_blocks(host: str, route: Route, args: CaddyProxyArgs) -> Iterable[str]:
    serve = f"""\
	log
	reverse_proxy {route.upstream} {{
		lb_try_duration 10s
		lb_try_interval 100ms
	}}"""
    yield f"https://{host} {{\n{serve}\n}}\n"
    if host in args.plain_hosts:
        yield f"http://{host} {{\n{serve}\n}}\n"
    else:
        port = "" if args.https == 443 else f":{args.https}"
        yield f"http://{host} {{\n\tredir https://{host}{port}{{uri}} 308\n}}\n"
