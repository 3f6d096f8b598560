"""A website: files that the gateway serves, a container of its own that is replaced without a
dropped request, or a route alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, caddy, caddy_files
from components.routes import Handler, Route, Upstream
from components.site.caddyfile import (
    HEALTH_HOST,
    site_caddyfile,
)
from components.site.content import CONTENT_AT
from components.site.lines import CaddyfileLines
from components.site.own import PORT
from components.site.served import Content
from components.site.shared import shared_content
from components.site.shared_caddyfile import shared_site
from host.container import ContainerArgs, service_container
from host.content_view import content_view
from host.continue_on_error import came_about
from host.docker_host import DockerHost
from host.host_folder import HostFolder
from host.mounted_files import mounted_files
from host.mounts import Bind, Mount
from host.promotion import Promotion
from host.user import USER

_PATIENCE = 20
"""Seconds for which the gateway waits for a container that may replace what it served itself."""


@dataclass(frozen=True, kw_only=True)
class CaddySiteArgs:
    """One site, as the composition root describes it."""

    host: DockerHost
    locations: Sequence[tuple[str, str]]
    """Full host names, as visitors type them, each with a path or `""`."""
    site: Content | Handler
    """What answers: content, or what the gateway does by itself."""
    email: str | None = None
    content: pulumi.Input[str]
    """The volume of all content."""


class CaddySite(pulumi.ComponentResource):
    """One website: its content, and what serves it.

    A shared site is a folder in the volume of all content, and lines of the gateway's Caddyfile.
    Any other site has its own Caddyfile and container, which serves it on port 80.

    The container starts on the network `idle`, where nobody asks it. Once healthy it is promoted to
    `web`, where the gateway finds it. A change of content or Caddyfile replaces nothing. A redirect
    or an upstream is only a route. The gateway handles TLS and the public ports.
    """

    def __init__(
        self, name: str, args: CaddySiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddySite", name, None, opts)
        self.revision: pulumi.Input[str] = ""
        """Changes with all that visitors could notice, but for content and routes."""
        self.refused: pulumi.Input[str] = ""
        """Its name where the gateway may not serve its routes, because its owner's lines were
        refused. Known once there is what its routes lead to, so a site that was served in another
        way fails no request."""
        handler = args.site
        if isinstance(handler, Content) and handler.shared:
            self.refused = self._share(name, args, handler)
            handler = shared_site(handler.server)
        elif isinstance(handler, Content):
            handler = Upstream(address=self._serve(name, args, handler))
        self.routes = tuple(
            Route(component=name, host=at, path=path, handler=handler, email=args.email)
            for at, path in args.locations
        )
        self.register_outputs({"revision": self.revision})

    def _serve(self, name: str, args: CaddySiteArgs, content: Content) -> str:
        """Declare all that serves the content; `name:port` at which the gateway finds it."""
        host = args.host
        alias = f"site-{name}"
        address = f"{alias}:{PORT}"
        lines = self._check_lines(name, host, content)
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            caddy_files({"Caddyfile": site_caddyfile(address, content.server)}),
            component=name,
            image=content.image,
            at=CONFIG_AT,
            after=lines,
        )
        mount, after = self._content(name, args, content)
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=content.image,
                command=[*(["serve"] if content.server.runtime == "php" else []), *caddy("run")],
                user=USER,
                probe=f"wget -q -O /dev/null --header 'Host: {HEALTH_HOST}' "
                f"http://127.0.0.1:{PORT}/",
                networks={
                    "idle": host.idle.name,
                    **({"edge": host.edge.name} if content.egress else {}),
                },
                replace="blue_green",
                mounts=[config.mount, mount],
                env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": "/tmp"},  # noqa: S108 - in the container
                capabilities=CAPABILITIES,
                memory_mib=content.memory_mib,
                cpus=content.cpus,
            ),
            host.child(self, content.image, after=[config.written, *after]),
        )
        promotion = Promotion(
            name,
            docker_host=host.docker_host,
            container=container.id,
            network=host.web.id,
            alias=alias,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if content.server.runtime == "static":  # one of PHP may have its image built for minutes
            there = came_about(promotion, within=_PATIENCE)
            self.refused = there.apply(lambda _: "")
        self.revision = pulumi.Output.concat(container.id, " ", config.written.digest)
        return address

    def _share(self, name: str, args: CaddySiteArgs, content: Content) -> pulumi.Output[str]:
        """Declare what brings the content to where the gateway serves it."""
        files = None if content.published else content.files
        image, volume = content.image, args.content
        lines = self._check_lines(name, args.host, content)
        there = shared_content(name, args.host, self, files, image=image, volume=volume)
        return pulumi.Output.all(came_about(there), *map(came_about, lines)).apply(
            lambda came: "" if all(came[1:]) else name
        )

    def _check_lines(self, name: str, host: DockerHost, content: Content) -> list[pulumi.Resource]:
        if not content.server.lines:
            return []
        asked = content.question_of_lines(host.docker_host, host.plain_labels(name))
        return [CaddyfileLines(name, asked, host.child(self, content.image))]

    def _content(
        self, name: str, args: CaddySiteArgs, content: Content
    ) -> tuple[Mount | Bind, Sequence[pulumi.Resource]]:
        """Where the content is, and what has to be there before the container."""
        host = args.host
        if content.host_folder:
            folder = HostFolder(
                name,
                docker_host=host.docker_host,
                path=content.host_folder,
                shown_as=content.host_folder_at,
                image=content.image,
                labels=host.plain_labels(name),
                opts=host.child(self, content.image),
            )
            # Where a release would be: the web root is the same for every site.
            return Bind(path=content.host_folder, at=f"{CONTENT_AT}/current"), [folder]
        if content.published:
            view = content_view(name, host, self, content=args.content, image=content.image)
            return Mount(volume=view.name, at=CONTENT_AT), []
        files = mounted_files(
            f"{name}-content",
            host,
            self,
            content.files,
            component=name,
            image=content.image,
            at=CONTENT_AT,
        )
        return files.mount, [files.written]
