"""The gateway of a public stack, as Caddy itself understands and runs it, without the outside."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import docker
import pytest
import yaml
from docker.models.containers import Container

from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.client import get
from tests.e2e.support.waiting import wait_until
from tests.unit.program import ROOT, an_estate, run_main

_TMP = "/tmp"  # noqa: S108 - in the container
_HOST = "blog.example.org"
_SITE = f"hosts: [{_HOST}]\nredirect: {{to: https://example.net}}\nemail: ada@example.com\n"


@dataclass(frozen=True)
class Machine:
    """A container of the gateway's image on a network of its own, which has no way out."""

    container: Container
    address: str

    def adapted(self, caddyfile: str) -> dict[str, Any]:
        """What Caddy makes of a Caddyfile."""
        self.write(f"{_TMP}/Caddyfile", caddyfile)
        adapted = self.output("caddy", "adapt", "--config", f"{_TMP}/Caddyfile")
        config: dict[str, Any] = json.loads(adapted)
        return config

    def output(self, *command: str) -> bytes:
        """What a command in the container prints."""
        done = self.container.exec_run(list(command), stderr=False)
        assert done.exit_code == 0, command
        return cast("bytes", done.output)  # an iterator only where it is asked for

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
            network = client.networks.create(stack_name("public"), internal=True, labels=labels)
            container = client.containers.run(
                image, entrypoint=["sleep", "600"], command=[], network=network.name,
                labels=labels, detach=True,
            )  # fmt: skip
            container.reload()
            (at,) = container.attrs["NetworkSettings"]["Networks"].values()
            yield Machine(container, at["IPAddress"])
        finally:
            containers.remove_all(client, stack)


@pytest.fixture(scope="module")
def config(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the whole program, with the settings of `prod`, has Caddy run."""
    root = an_estate(tmp_path_factory.mktemp("public"), {"blog.yaml": _SITE})
    (files,) = [
        each for each in run_main("prod", root).of("VolumeFiles") if each.name == "proxy-config"
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


def test_visitors_are_told_to_come_back_over_https_only(
    machine: Machine, config: dict[str, Any], tmp_path: Path
) -> None:
    # The one thing that a machine without the outside can't do: order certificates.
    config["apps"]["tls"] = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
    config["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    machine.write(f"{_TMP}/public.json", json.dumps(config))
    run = ["sh", "-c", f"XDG_DATA_HOME={_TMP} exec caddy run --config {_TMP}/public.json"]
    machine.container.exec_run(run, detach=True)
    ca = tmp_path / "ca.pem"
    root = f"{_TMP}/caddy/pki/authorities/local/root.crt"
    wait_until(lambda: ca.write_bytes(machine.output("cat", root)), "the gateway has made its CA")
    answer = get(f"https://{_HOST}/", address=(machine.address, 443), ca=ca)
    assert answer.status == 301
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
