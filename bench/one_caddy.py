"""The same sites as people run them without Homeport: one Caddy, one file with all of them, and a
tool that starts containers. Plain HTTP.

No tool here checks that file before it changes something, or waits until a page answers.
"""

from __future__ import annotations

import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.clock import seconds
from host import engine
from tests.e2e.checkout import Checkout
from tests.e2e.support.client import serves
from tests.e2e.support.waiting import wait_until

_FILE = "/etc/caddy/Caddyfile"


@dataclass(frozen=True)
class Container:
    """One that serves."""

    command: list[str]
    folders: dict[Path, str]
    """Where folders stand in it."""


class OneCaddy(ABC):
    """A folder with sites, a Caddyfile, and the tool's own file."""

    tool: str
    """The command that brings containers to what the file says."""

    def __init__(self, checkout: Checkout, top: Path, *, contained: bool) -> None:
        """Where `contained`, each site has a container of its own behind that Caddy."""
        self.checkout, self.top = checkout, top
        self.name = f"bench-{self.tool.split()[0]}-{os.getpid()}"
        self._contained, self._sites = contained, 0
        (top / "caddy").mkdir()

    @staticmethod
    @abstractmethod
    def is_there() -> bool:
        """Whether this machine has the tool."""

    @abstractmethod
    def write(self, containers: dict[str, Container]) -> None:
        """Write the tool's own file."""

    @abstractmethod
    def up(self) -> None:
        """Bring containers to what it says."""

    @abstractmethod
    def down(self) -> None:
        """Remove them."""

    @abstractmethod
    def caddy(self) -> str:
        """The id or name of the one that visitors ask."""

    def declare(self, number: int) -> None:
        """One site more."""
        folder = self.top / f"sites/s{number}"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f"<!doctype html><p>marker-of-s{number}</p>\n")
        self._sites = number + 1
        names = [f"s{each}" for each in range(self._sites)]
        handled = "reverse_proxy {0}:80" if self._contained else "root * /srv/{0}\n    file_server"
        (self.top / "caddy/Caddyfile").write_text(
            "".join(f"http://{n}.localhost {{\n    {handled.format(n)}\n}}\n" for n in names)
        )
        run = ["caddy", "run", "--config", _FILE]
        folders = {self.top / "caddy": "/etc/caddy", self.top / "sites": "/srv"}
        containers = {"caddy": Container(run, folders)}
        if self._contained:
            serve = ["caddy", "file-server", "--root", "/srv"]
            containers |= {n: Container(serve, {self.top / f"sites/{n}": "/srv"}) for n in names}
        self.write(containers)

    def serve(self, number: int) -> None:
        """Bring it up with the newest site, and wait until that answers."""
        self.up()
        container = self.checkout.docker.containers.get(self.caddy())
        reload = ["caddy", "reload", "--config", _FILE]
        wait_until(lambda: engine.run_in(container, reload).code == 0, "Caddy reloads", every=0.05)
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        url, at = f"http://s{number}.localhost/", (network["IPAddress"], 80)
        wait_until(
            lambda: serves(url, f"marker-of-s{number}", address=at), f"{url} answers", every=0.05
        )


def measured(
    kind: type[OneCaddy], checkout: Checkout, hosting: str, number: int
) -> Iterator[tuple[str, str]]:
    """What it takes to change nothing, and to add one site, beside so many."""
    with tempfile.TemporaryDirectory() as top:
        project = kind(checkout, Path(top), contained=hosting == "container")
        for each in range(number):
            project.declare(each)
        try:
            project.serve(number - 1)
            yield f"{kind.tool} without changes, seconds", f"{seconds(project.up):.1f}"
            project.declare(number)
            began = time.monotonic()
            project.serve(number)
            took = time.monotonic() - began
            yield f"{kind.tool}: saved site to its first answer, seconds", f"{took:.1f}"
        finally:
            project.down()
