"""A site's file in the making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from console.caddyfile_import.site_text import Value
from console.caddyfile_import.words import Directive, Sentence

ROOT = "/srv/current"
"""The web root, as a site's free lines name it."""


@dataclass(kw_only=True)
class Draft:
    """What is known so far. Each directive ends in a field, in `free`, or in a sentence."""

    name: str
    hosts: Sequence[str]
    version_1: bool
    """Whether the block was written for Caddy 1."""
    root: str = ""
    """The folder of the pasted server that has the content."""
    fields: dict[str, Value] = field(default_factory=dict)
    source: dict[str, str | bool] = field(default_factory=dict)
    free: list[Directive] = field(default_factory=list)
    said: list[Sentence] = field(default_factory=list)

    def keep(self, directive: Directive) -> None:
        """It stays as a free line."""
        self.free.append(directive)

    def say(self, directive: Directive, text: str) -> None:
        """It found no place, or not the one that its owner may expect."""
        self.said.append(directive.about(text))

    def at(self, path: str) -> str:
        """The first host with a path below it."""
        host = self.hosts[0].partition("/")[0] if self.hosts else self.name
        path = path.rstrip("*/")
        return f"{host}{path}" if path.startswith("/") else host


def below(folder: str, root: str) -> str | None:
    """A folder's path from another one, "" for itself; None if it isn't within it."""
    path = PurePosixPath(folder)
    if not root or ".." in path.parts or not path.is_relative_to(root):
        return None
    inner = path.relative_to(root).as_posix()
    return "" if inner == "." else inner
