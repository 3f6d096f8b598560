"""The same sites by OpenTofu with the docker provider, which `tofu init` has to find."""

from __future__ import annotations

import json
import shutil
import subprocess

from bench.one_caddy import Container, OneCaddy
from tests.e2e.support.containers import of_this_run

_PROVIDER = "kreuzwerker/docker"


class OpenTofu(OneCaddy):
    """As resources of that provider."""

    tool = "tofu apply"

    @staticmethod
    def is_there() -> bool:
        return shutil.which("tofu") is not None

    def write(self, containers: dict[str, Container]) -> None:
        image = self.checkout.docker.images.get(self.checkout.image("gateway"))
        labels = [{"label": name, "value": value} for name, value in of_this_run().items()]
        declared = {
            name: {
                "name": f"{self.name}-{name}",
                "image": image.id,
                "command": container.command,
                "volumes": [
                    {"host_path": str(here), "container_path": there, "read_only": True}
                    for here, there in container.folders.items()
                ],
                "networks_advanced": [{"name": "${docker_network.sites.name}", "aliases": [name]}],
                "labels": labels,
            }
            for name, container in containers.items()
        }
        document = {
            "terraform": {"required_providers": {"docker": {"source": _PROVIDER}}},
            "provider": {"docker": {"host": self.checkout.place.docker_host}},
            "resource": {
                "docker_network": {"sites": {"name": self.name, "labels": labels}},
                "docker_container": declared,
            },
        }
        (self.top / "main.tf.json").write_text(json.dumps(document))

    def up(self) -> None:
        if not (self.top / ".terraform").exists():
            self._run("init")
        self._run("apply", "-auto-approve")

    def down(self) -> None:
        self._run("destroy", "-auto-approve")

    def caddy(self) -> str:
        return f"{self.name}-caddy"

    def _run(self, verb: str, *arguments: str) -> None:
        subprocess.run(
            ["tofu", verb, "-no-color", "-input=false", *arguments],
            cwd=self.top,
            env=dict(self.checkout.environment),
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=300,
        )
