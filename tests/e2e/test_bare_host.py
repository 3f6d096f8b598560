"""A bare server becomes the estate: nothing but Debian and SSH on it before. In this order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import WELCOME_MARKER, Checkout, Place
from tests.e2e.support.bare_host import BareHost
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import requires_root

STEPS = ["docker", "start_at_boot", "live_restore", "log_rotation"]


@pytest.fixture(scope="module")
def host() -> Iterator[BareHost]:
    if reason := requires_root():
        pytest.skip(reason)
    with BareHost() as host:
        yield host


@pytest.fixture(scope="module")
def bare(host: BareHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    place = Place("bare", host.docker_host, host.docker, host.address, host.environment())
    checkout = Checkout(tmp_path_factory.mktemp("bare") / "checkout", place, stack_name("bare"))
    checkout.extra = {"prepare": STEPS}
    checkout.configure()
    try:
        yield checkout
    finally:
        checkout.close()


def test_a_preview_lists_each_step_and_changes_nothing(bare: Checkout, host: BareHost) -> None:
    shown = bare.pulumi("preview").stdout
    for step in STEPS:
        assert f"command:local:Command {step} create" in shown
    assert host.run("command -v docker || echo none").strip() == "none"


def test_one_up_makes_it_serve(bare: Checkout) -> None:
    bare.up()
    bare.serves(bare.url("welcome"), WELCOME_MARKER)


def test_the_steps_were_taken(bare: Checkout, host: BareHost) -> None:
    assert host.run("docker info --format '{{.LiveRestoreEnabled}}'").strip() == "true"
    assert '"max-size": "10m"' in host.run("cat /etc/docker/daemon.json")
    assert "docker" in host.run("ls /etc/rc2.d")


def test_a_second_up_changes_nothing(bare: Checkout) -> None:
    bare.assert_changes_nothing()


def test_without_the_step_a_bare_host_stops_in_preview(
    host: BareHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("mv /usr/bin/docker /usr/bin/docker.away")
    try:
        place = Place("bare", host.docker_host, host.docker, host.address, host.environment())
        checkout = Checkout(tmp_path / "checkout", place, stack_name("unprepared"))
        done = checkout.pulumi("preview", check=False)
        assert done.returncode
        assert "Docker isn't installed there; put `docker` among the steps" in done.stdout
        assert "Traceback" not in done.stdout
    finally:
        host.run("mv /usr/bin/docker.away /usr/bin/docker")
