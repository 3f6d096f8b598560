"""A website: a container of its own, replaced without a dropped request, or a route alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from components.caddy import CAPABILITIES, CONFIG_AT, caddy, caddy_files
from components.routes import Handler, Route, Upstream
from components.site.caddyfile import (
    HEALTH_HOST,
    SiteServer,
    site_caddyfile,
)
from components.site.content import CONTENT_AT
from components.site.lines import CaddyfileLines, question
from components.site.own import PORT
from host.container import ContainerArgs, service_container
from host.content_view import content_view
from host.docker_host import DockerHost
from host.files import Files
from host.host_folder import HostFolder
from host.mounted_files import mounted_files
from host.mounts import Bind, Mount
from host.promotion import Promotion
from host.provider import Props
from host.user import USER


@dataclass(frozen=True, kw_only=True)
class Content:
    """A site that is served from files, in a container of its own."""

    image: str
    server: SiteServer
    folder: Path | None = None
    """A folder of this repository."""
    host_folder: str | None = None
    """A folder of the Docker host, mounted read-only."""
    host_folder_at: str = ""
    """The person's file and line that names it, for errors that are found later."""
    published: bool = False
    """Whether the publisher brings the content."""
    generated: Mapping[str, str] = field(default_factory=dict)
    """Files that the program itself adds to a folder of this repository."""
    memory_mib: int = 128
    cpus: float | None = None
    egress: bool = False
    """Whether the site's own code may reach the outside."""
    declared_in: str = ""
    """The person's file, for errors that are found later."""
    lines_at: int = 0
    """The line of that file at which the server's free lines begin."""

    def question_of_lines(self, docker_host: str, labels: dict[str, str]) -> Props:
        """What it takes to look at the server's free lines."""
        return question(
            docker_host=docker_host,
            image=self.image,
            server=self.server,
            egress=self.egress,
            shown_as=self.declared_in,
            shown_line=self.lines_at,
            labels=labels,
        )


@dataclass(frozen=True, kw_only=True)
class CaddySiteArgs:
    """One site, as the composition root describes it."""

    host: DockerHost
    locations: Sequence[tuple[str, str]]
    """Full host names, as visitors type them, each with a path or `""`."""
    site: Content | Handler
    """What answers: content, or what the gateway does by itself."""
    email: str | None = None
    published_in: pulumi.Input[str] | None = None
    """The volume in which the publisher keeps content, where there is a publisher."""


class CaddySite(pulumi.ComponentResource):
    """One website: its content, its Caddyfile, and a container that serves it on port 80.

    The container starts on the network `idle`, where nobody asks it; once healthy it is
    promoted to `web`, where the gateway finds it. A change of content or Caddyfile replaces
    nothing. A redirect or an upstream outside is a route alone. TLS and the public ports are
    left to the gateway.
    """

    def __init__(
        self, name: str, args: CaddySiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:CaddySite", name, None, opts)
        self.revision: pulumi.Input[str] = ""
        """Changes with all that visitors could notice, but for content and routes."""
        handler = args.site
        if isinstance(handler, Content):
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
        lines = self._check_lines(name, host, content)
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            caddy_files({"Caddyfile": site_caddyfile(content.server)}),
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
        Promotion(
            name,
            docker_host=host.docker_host,
            container=container.id,
            network=host.web.id,
            alias=alias,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.revision = pulumi.Output.concat(container.id, " ", config.written.digest)
        return f"{alias}:{PORT}"

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
        if content.published and args.published_in is not None:
            view = content_view(name, host, self, content=args.published_in, image=content.image)
            return Mount(volume=view.name, at=CONTENT_AT), []
        files = mounted_files(
            f"{name}-content",
            host,
            self,
            Files(public=content.generated, folders={"": content.folder} if content.folder else {}),
            component=name,
            image=content.image,
            at=CONTENT_AT,
        )
        return files.mount, [files.written]
