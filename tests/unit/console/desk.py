"""A console over a checkout of its own, and the browser of somebody who opened it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn

from config import loading
from console.__main__ import loopback, serving
from console.app import make_app
from console.doors import Doors
from console.guard import Address
from console.seen import Host
from console.state import Console
from tests.unit.program import SEVERAL_SITES, an_estate, own_config


@dataclass
class HostOfTests:
    """What the host answers."""

    health: dict[str, str] = field(default_factory=lambda: {"router": "healthy"})
    why_away: str = ""

    def ask(self) -> Mapping[str, str]:
        if self.why_away:
            raise OSError(self.why_away)
        return self.health


@dataclass
class Clock:
    """Seconds, moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A checkout with git, its console, and browsers."""

    def __init__(self, root: Path, sites: Mapping[str, str] = SEVERAL_SITES) -> None:
        self.root = an_estate(root, sites)
        self.host = HostOfTests()
        self.clock = Clock()
        self.server: uvicorn.Server | None = None
        (self.root / ".gitignore").write_text("/.engine\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.org")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=The first sites")
        self.sockets = loopback()
        self.address = Address(self.sockets[0].getsockname()[1])
        self.start()

    def start(self) -> None:
        """Start the console, or start it anew: links, sessions and all that it knew are gone."""
        self.stop()
        settings = own_config("local")
        self.console = Console(
            stack="local",
            root=self.root,
            load=lambda: loading.load("local", settings, self.root),
            address=self.address,
            doors=Doors(self.clock),
            host=Host(self.host.ask, self.root / ".engine/console/local/seen.json"),
        )
        self.server = serving(make_app(self.console))
        copies = [socket.dup() for socket in self.sockets]
        self.thread = threading.Thread(target=self.server.run, args=(copies,), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """End the console as Ctrl-C does."""
        if self.server:
            self.server.should_exit = True
            self.thread.join()

    def git(self, *arguments: str) -> str:
        argv = ["git", *arguments]
        return subprocess.run(
            argv, cwd=self.root, check=True, capture_output=True, text=True
        ).stdout

    def tree(self) -> dict[str, bytes]:
        """All files but what git and the console keep for themselves."""
        return {
            str(file.relative_to(self.root)): file.read_bytes()
            for file in sorted(self.root.rglob("*"))
            if file.is_file() and file.relative_to(self.root).parts[0] not in (".git", ".engine")
        }

    def stranger(self) -> httpx.Client:
        """A client that has no session yet. It sends an origin, as a browser does."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.address.port}",
            headers={"host": self.address.host, "origin": self.address.origin},
        )

    def link(self) -> str:
        return f"/login?link={self.console.doors.new_link()}"

    def browser(self) -> httpx.Client:
        """A client that came in by a link."""
        client = self.stranger()
        assert client.get(self.link()).status_code == 200
        return client


def text_of(answer: httpx.Response) -> str:
    """The page's text, on one line, as a person reads it."""
    return " ".join(answer.text.split())
