"""What a site is served from: plain data that the composition root fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.site.caddyfile import SiteServer
from components.site.lines import question
from host.files import Files
from host.provider import Props
from host.user import USER


@dataclass(frozen=True, kw_only=True)
class Content:
    """A site that is served from files."""

    image: str
    """That of its container, or the gateway's, which serves it where it is shared."""
    server: SiteServer
    shared: bool = False
    """Whether the gateway serves it, from the volume of all content."""
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
            shared=self.shared,
            shown_as=self.declared_in,
            shown_line=self.lines_at,
            labels=labels,
        )

    @property
    def files(self) -> Files:
        """What doesn't come from git."""
        folders = {"": self.folder} if self.folder else {}
        return Files(public=self.generated, folders=folders, owner=USER)
