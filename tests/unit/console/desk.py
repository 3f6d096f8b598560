"""A console over a checkout of its own, and the browser of somebody who opened it."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn

from commands.error import CommandError
from config import loading
from config.edited import Edited
from config.estate import Estate
from console import reading
from console.__main__ import loopback, serving
from console.answers import lasts
from console.app import make_app
from console.doors import Doors
from console.dropped import Dropped
from console.guard import Address
from console.overview import Answered
from console.repository import Repository
from console.runs import Runs
from console.seen import Host
from console.state import Console
from tests.unit.program import SEVERAL_SITES, an_estate, own_config

COMMANDS = Path(__file__).with_name("fake_commands.py")


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


def _git(root: Path, *arguments: str) -> str:
    argv = ["git", *arguments]
    return subprocess.run(argv, cwd=root, check=True, capture_output=True, text=True).stdout


@functools.cache
def _checkout(sites: tuple[tuple[str, str], ...]) -> TemporaryDirectory[str]:
    """A checkout with these sites in its only commit. Each desk gets a copy, because git takes
    longer to make one.
    """
    made = TemporaryDirectory()
    root = an_estate(Path(made.name), dict(sites))
    (root / ".gitignore").write_text("/.engine\n")
    _git(root, "init", "--quiet", "--initial-branch=main", "--template=")
    with (root / ".git/config").open("a") as config:
        config.write("[user]\nname = Ada\nemail = ada@example.org\n")
        config.write("[maintenance]\nauto = false\n[core]\nfsync = none\n")
    for folder in ("hooks", "info"):
        (root / ".git" / folder).mkdir()
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message=The first sites")
    return made


class Desk:
    """A checkout with git, its console, and browsers."""

    def __init__(self, root: Path, sites: Mapping[str, str] = SEVERAL_SITES) -> None:
        self.root = root
        shutil.copytree(_checkout(tuple(sites.items())).name, root, dirs_exist_ok=True)
        self.host = HostOfTests()
        self.clock = Clock()
        self.updating = ""
        self.stack = "local"  # whose pages they are; the files stay the local ones
        self.commands = root.parent / f"{root.name}-commands" / "commands.py"
        self.commands.parent.mkdir()
        shutil.copy(COMMANDS, self.commands)
        self.server: uvicorn.Server | None = None
        self.sockets = loopback()
        self.address = Address(self.sockets[0].getsockname()[1])
        self.start()

    def start(self) -> None:
        """Start the console, or start it anew: links, sessions and all that it knew are gone."""
        self.stop()
        settings = own_config("local")
        repository = Repository(self.root)

        def load(edited: Edited) -> Estate:
            return loading.load("local", settings, self.root, edited)

        self.console = Console(
            stack=self.stack,
            root=self.root,
            load=load,
            urls=lambda edited: reading.urls(lambda: load(edited)),
            overview=lambda: reading.overview(lambda: load({}), "local", repository),
            repository=repository,
            address=self.address,
            doors=Doors(self.clock),
            host=Host(self.host.ask, self.root / ".engine/console/local/seen.json"),
            runs=self.runs(),
            dropped=Dropped(self.root / ".engine/console/local/pages"),
            answers=self.answers,
        )
        self.server = serving(make_app(self.console))
        copies = [socket.dup() for socket in self.sockets]
        self.thread = threading.Thread(target=self.server.run, args=(copies,), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def answers(self, site: str) -> list[Answered]:
        if self.host.why_away:
            raise CommandError(self.host.why_away)
        url = f"https://{site}.localhost:8443"
        return [Answered(url, "200", is_well=True, certificate=lasts(timedelta(hours=9)))]

    def runs(self) -> Runs:
        return Runs(
            folder=self.root / ".engine/console/local/runs",
            command=(sys.executable, str(self.commands)),
            stack=self.stack,
            tries_on="local",
            environment={**os.environ, "FAKE": str(self.commands.parent)},
            updating=lambda: self.updating,
            mend=(self.commands.parent / "mended").touch,
            patience=3,
        )

    def stop(self) -> None:
        """End the console as Ctrl-C does."""
        if self.server:
            self.leave()
            self.thread.join()

    def leave(self) -> None:
        """Let the console end while another test begins."""
        assert self.server
        self.server.should_exit = True

    def git(self, *arguments: str) -> str:
        return _git(self.root, *arguments)

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
            verify=False,  # noqa: S501 - plain HTTP; reading authorities takes most of a test
        )

    def link(self) -> str:
        return f"/login?link={self.console.doors.new_link()}"

    def browser(self) -> httpx.Client:
        """A client that came in by a link."""
        client = self.stranger()
        assert client.get(self.link()).status_code == 200
        return client

    def does(self, **files: object) -> None:
        """What the commands do from now on: `steps`, `says`, `code`, and `waits` while it is so;
        before they wait, they say `hello` and have `begun` some steps.
        """
        for name in ("steps", "hello", "begun", "says", "code", "stubborn"):
            (self.commands.parent / name).unlink(missing_ok=True)
        for name, what in files.items():
            text = what if isinstance(what, str) else json.dumps(what)
            (self.commands.parent / name).write_text(text)
        if "waits" not in files:  # last: what waits then goes on, and reads the others
            (self.commands.parent / "waits").unlink(missing_ok=True)

    def calls(self) -> list[tuple[list[str], object]]:
        """The arguments of each command that ran, and the texts that it was given."""
        file = self.commands.parent / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    def ends(self, run: str) -> str:
        """The state of a run once it has one."""
        found = self.console.runs.get(run)
        assert found
        until = time.monotonic() + 20
        while found.state == "running" and time.monotonic() < until:
            time.sleep(0.05)
        return found.state


def run_of(answer: httpx.Response) -> str:
    """The run that an answer leads to."""
    assert answer.status_code == 303, text_of(answer)
    found = re.fullmatch(r"/runs/(\d+)", answer.headers["location"])
    assert found
    return found[1]


def text_of(answer: httpx.Response) -> str:
    """The page's text, on one line, as a person reads it."""
    return " ".join(answer.text.split())
