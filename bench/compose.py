"""The same sites by Docker Compose, as people run them: one Caddy, one file with all of them.

It validates nothing before it changes something, finds no change that was made on the host, and
waits for no content; what visitors see while it changes is theirs to find out. Plain HTTP.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.clock import seconds
from tests.e2e.checkout import Checkout
from tests.e2e.support.client import serves
from tests.e2e.support.containers import of_this_run
from tests.e2e.support.waiting import wait_until

_COMMAND = ("docker", "compose")
_RELOAD = ("exec", "--no-TTY", "caddy", "caddy", "reload", "--config", "/etc/caddy/Caddyfile")


def is_there() -> bool:
    """Whether this machine has it."""
    return subprocess.run([*_COMMAND, "version"], check=False, capture_output=True).returncode == 0


def compose(checkout: Checkout, hosting: str, number: int) -> Iterator[tuple[str, str]]:
    """What it takes to change nothing, and to add one site, beside so many."""
    with tempfile.TemporaryDirectory() as top:
        project = _Project(checkout, Path(top), contained=hosting == "container")
        for each in range(number):
            project.declare(each)
        try:
            project.run("up", "--detach", "--wait")
            yield "docker compose up without changes, seconds", f"{seconds(project.up):.1f}"
            project.declare(number)
            began = time.monotonic()
            project.up()
            project.run(*_RELOAD)
            project.wait_for(number)
            took = time.monotonic() - began
            yield "docker compose: saved site to its first answer, seconds", f"{took:.1f}"
        finally:
            project.run("down", "--volumes")


class _Project:
    """A folder with sites, a Caddyfile and a compose file."""

    def __init__(self, checkout: Checkout, top: Path, *, contained: bool) -> None:
        self._checkout, self._top, self._contained = checkout, top, contained
        self._name = f"bench-compose-{os.getpid()}"
        self._sites = 0
        (top / "caddy").mkdir()

    def declare(self, number: int) -> None:
        """One site more."""
        folder = self._top / f"sites/s{number}"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f"<!doctype html><p>marker-of-s{number}</p>\n")
        self._sites = number + 1
        names = [f"s{each}" for each in range(self._sites)]
        handled = "reverse_proxy {0}:80" if self._contained else "root * /srv/{0}\n    file_server"
        (self._top / "caddy/Caddyfile").write_text(
            "".join(f"http://{n}.localhost {{\n    {handled.format(n)}\n}}\n" for n in names)
        )
        image, labels = self._checkout.image("gateway"), of_this_run()
        services = {
            "caddy": {
                "image": image,
                "command": ["caddy", "run", "--config", "/etc/caddy/Caddyfile"],
                "volumes": ["./caddy:/etc/caddy:ro", "./sites:/srv:ro"],
                "labels": labels,
            }
        }
        if self._contained:
            services |= {
                name: {
                    "image": image,
                    "command": ["caddy", "file-server", "--root", "/srv"],
                    "volumes": [f"./sites/{name}:/srv:ro"],
                    "labels": labels,
                }
                for name in names
            }
        (self._top / "compose.yaml").write_text(json.dumps({"services": services}))

    def up(self) -> None:
        self.run("up", "--detach")

    def run(self, *arguments: str) -> str:
        """What `docker compose` prints."""
        environment = {**self._checkout.environment, "COMPOSE_PARALLEL_LIMIT": "16"}
        return subprocess.run(
            [*_COMMAND, "--project-name", self._name, *arguments],
            cwd=self._top,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=300,
        ).stdout

    def wait_for(self, number: int) -> None:
        """Until a site answers."""
        container = self._checkout.docker.containers.get(self.run("ps", "--quiet", "caddy").strip())
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        url, at = f"http://s{number}.localhost/", (network["IPAddress"], 80)
        wait_until(
            lambda: serves(url, f"marker-of-s{number}", address=at), f"{url} answers", every=0.05
        )
