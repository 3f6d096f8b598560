"""A website in a container of its own, replaced without a dropped request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, GLOBAL_OPTIONS, USER, caddy, caddyfile_volume
from components.container import ContainerArgs, Mount, service_container
from components.docker_host import DockerHost
from components.promotion import Promotion
from components.routes import Route
from components.volume_files import VolumeFiles, VolumeFilesArgs
from components.volumes import files_volume

_PORT = 80
_CONTENT_AT = "/srv"
_HEALTH_HOST = "health.invalid"


@dataclass(frozen=True, kw_only=True)
class CaddySiteArgs:
    """One site, as the composition root describes it."""

    host: DockerHost
    image: str
    hosts: tuple[str, ...]
    """Full host names, as visitors type them."""
    folder: Path
    """The folder of this repository that is served."""
    generated: Mapping[str, str] = field(default_factory=dict)
    """Files that the program itself adds to the content."""


class CaddySite(pulumi.ComponentResource):
    """One website: its content, its Caddyfile, and a container that serves it on port 80.

    The container starts on the network `idle`, where nobody asks it; once healthy it is
    promoted to `web`, where the gateway finds it. A change of content or Caddyfile replaces
    nothing. TLS, redirects and the public ports are left to the gateway.
    """

    def __init__(
        self, name: str, args: CaddySiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddySite", name, None, opts)
        host = args.host
        alias = f"site-{name}"
        self.routes = (Route(component=name, hosts=args.hosts, upstream=f"{alias}:{_PORT}"),)

        child = host.child(self, args.image)
        config, config_files = caddyfile_volume(
            f"{name}-config", host, self, image=args.image, caddyfile=site_caddyfile()
        )
        content = files_volume(f"{name}-content", host, self)
        content_files = VolumeFiles(
            f"{name}-content",
            VolumeFilesArgs(
                docker_host=host.docker_host,
                volume=content.name,
                mount=_CONTENT_AT,
                image=args.image,
                folders={"": args.folder},
                files=args.generated,
                labels=host.plain_labels(name),
            ),
            child,
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=args.image,
                command=caddy("run"),
                user=USER,
                probe=f"wget -q -O /dev/null --header 'Host: {_HEALTH_HOST}' "
                f"http://127.0.0.1:{_PORT}/",
                networks={"idle": host.idle.name},
                replace="blue_green",
                mounts=[
                    Mount(volume=config.name, at=CONFIG_AT),
                    Mount(volume=content.name, at=_CONTENT_AT),
                ],
                env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": "/tmp"},  # noqa: S108 - in the container
                capabilities=CAPABILITIES,
                memory_mib=128,
            ),
            pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[config_files, content_files])
            ),
        )
        Promotion(
            name,
            docker_host=host.docker_host,
            container=container.id,
            network=host.web.id,
            alias=alias,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.revision = pulumi.Output.concat(container.id, " ", config_files.digest)
        """Changes with all that visitors could notice, but for content."""
        self.register_outputs({"revision": self.revision})


def site_caddyfile() -> str:
    """A Caddyfile that serves the content of `/srv/current` on port 80, without TLS.

    The health check has a host of its own: its answer depends on no content, and no visitor
    reaches it, because the gateway passes on the site's own hosts alone.
    """
    return f"""\
{{
{GLOBAL_OPTIONS}	auto_https off
}}

http://{_HEALTH_HOST}:{_PORT} {{
	respond 200
}}

:{_PORT} {{
	root * {_CONTENT_AT}/current
	file_server
	log
}}
"""
