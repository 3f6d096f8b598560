"""The same sites by Docker Compose. It finds no change that was made on the host."""

from __future__ import annotations

import json
import subprocess

from bench.one_caddy import Container, OneCaddy
from tests.e2e.support.containers import of_this_run

_COMMAND = ("docker", "compose")


class Compose(OneCaddy):
    """As a compose file."""

    tool = "docker compose up"

    @staticmethod
    def is_there() -> bool:
        version = subprocess.run([*_COMMAND, "version"], check=False, capture_output=True)
        return version.returncode == 0

    def write(self, containers: dict[str, Container]) -> None:
        services = {
            name: {
                "image": self.checkout.image("gateway"),
                "command": container.command,
                "volumes": [f"{here}:{there}:ro" for here, there in container.folders.items()],
                "labels": of_this_run(),
            }
            for name, container in containers.items()
        }
        (self.top / "compose.yaml").write_text(json.dumps({"services": services}))

    def up(self) -> None:
        self._run("up", "--detach")

    def down(self) -> None:
        self._run("down", "--volumes")

    def caddy(self) -> str:
        return self._run("ps", "--quiet", "caddy").strip()

    def _run(self, *arguments: str) -> str:
        return subprocess.run(
            [*_COMMAND, "--project-name", self.name, *arguments],
            cwd=self.top,
            env={**self.checkout.environment, "COMPOSE_PARALLEL_LIMIT": "16"},
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=300,
        ).stdout
