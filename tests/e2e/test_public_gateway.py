"""The gateway of a public stack, as Caddy itself understands it, without the outside."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import docker
import pytest
import yaml
from docker.models.containers import Container

from host import engine
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.unit.program import ROOT, an_estate, run_main

_TMP = "/tmp"  # noqa: S108 - in the container
_HOST = "blog.example.org"
_SITE = f"hosts: [{_HOST}]\nredirect: {{to: https://example.net}}\nemail: ada@example.com\n"


@dataclass(frozen=True)
class Machine:
    """A container of the gateway's image, without a network."""

    container: Container

    def adapted(self, caddyfile: str) -> dict[str, Any]:
        """What Caddy makes of a Caddyfile."""
        self.write(f"{_TMP}/Caddyfile", caddyfile)
        adapted = self.output("caddy", "adapt", "--config", f"{_TMP}/Caddyfile")
        config: dict[str, Any] = json.loads(adapted)
        return config

    def output(self, *command: str) -> bytes:
        """What a command in the container prints."""
        done = engine.run_in(self.container, command)
        assert done.code == 0, command
        return done.output

    def write(self, path: str, text: str) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
        self.container.put_archive("/", buffer.getvalue())


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    image = yaml.safe_load((ROOT / "config/images.yaml").read_text())["gateway"]
    stack = f"homeport/{stack_name('public')}"
    labels = {containers.STACK: stack}
    with closing(docker.from_env()) as client:
        try:
            yield Machine(
                client.containers.run(
                    image, entrypoint=["sleep", "600"], command=[], network_mode="none",
                    labels=labels, detach=True,
                )
            )  # fmt: skip
        finally:
            containers.remove_all(client, stack)


@pytest.fixture(scope="module")
def config(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the whole program, with the settings of `prod`, has Caddy run."""
    root = an_estate(tmp_path_factory.mktemp("public"), {"blog.yaml": _SITE})
    (files,) = [
        each for each in run_main("prod", root).of("VolumeFiles") if each.name == "router-config"
    ]
    return machine.adapted(files.inputs["files"]["Caddyfile"])


def test_an_owners_e_mail_goes_with_the_order_of_a_certificate(config: dict[str, Any]) -> None:
    (policy,) = [
        policy
        for policy in config["apps"]["tls"]["automation"]["policies"]
        if _HOST in policy.get("subjects", [])
    ]
    assert {issuer["module"] for issuer in policy["issuers"]} == {"acme"}
    assert all(issuer["email"] == "ada@example.com" for issuer in policy["issuers"])
