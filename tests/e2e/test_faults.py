"""Whatever is removed or broken on the host, and however an update ends: the next one heals it.

One stack with a part of each kind. Nothing is left out of the refresh, nothing is imported.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.volumes import Volume
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.e2e.checkout import WELCOME_MARKER, Checkout, Place
from tests.e2e.sites import SCRIPT, page, write
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.waiting import wait_until

# Once is enough: what reaches the host over SSH is the same.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

PARTS = (
    *("alpha", "program", "proxy", "router", "publisher"),
    *("registry", "pypi", "vault", "prometheus", "alertmanager", "blackbox", "node-exporter"),
)
NO_IMAGE = "none.invalid/php:1"


@pytest.fixture(scope="module")
def whole(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack of every part that there is."""
    folder: Path = tmp_path_factory.mktemp("faults") / "checkout"
    checkout = Checkout(folder, place, stack_name("faults"))
    try:
        page(checkout, "alpha", "marker-of-alpha", more="caddyfile: header X-Alpha yes\n")
        write(checkout, "sites/program/index.php", SCRIPT)
        checkout.write_site(
            "program", "hosts: [program]\nsource: {folder: sites/program}\nruntime: php\n"
        )
        checkout.write_site("followed", "hosts: [followed]\nsource: {git: https://git.invalid/a}\n")
        checkout.extra = {"registry": {}, "prometheus": {}}
        checkout.configure()
        keys = {"seal_key": 32, "role_id": 16, "secret_id": 16}
        checkout.set_secrets({f"vault.{key}": secrets.token_hex(n) for key, n in keys.items()})
        checkout.up()
        yield checkout
    finally:
        checkout.close()


def test_a_site_that_was_removed_while_another_fails_comes_back(whole: Checkout) -> None:
    """The failing one stored what no later one could refresh."""
    containers.one(whole.docker, whole.label, "alpha").remove(force=True)
    update_that_fails(whole)
    heals(whole)


def test_all_that_was_removed_comes_back(whole: Checkout) -> None:
    for container in containers.all_of(whole.docker, whole.label):
        container.remove(force=True)
    for network in whole.docker.networks.list(filters=containers.labelled(whole.label)):
        network.remove()
    for volume in whole.docker.volumes.list(filters=containers.labelled(whole.label)):
        volume.remove()
    whole.pulumi("refresh", "--yes")
    update_that_fails(whole)
    heals(whole)


def test_all_files_that_were_lost_are_written_again(whole: Checkout) -> None:
    for volume in whole.docker.volumes.list(filters=containers.labelled(whole.label)):
        if holds_files(whole, volume):
            in_volume(whole, volume, "rm -rf /volume/*")
    content = whole.docker.volumes.get(f"homeport-{whole.stack}-content")
    in_volume(whole, content, "rm -rf /volume/sites")
    whole.pulumi("refresh", "--yes")
    update_that_is_killed(whole, after=4)
    heals(whole)


def test_any_faults_in_any_order_are_healed(whole: Checkout) -> None:
    class Faults(RuleBasedStateMachine):
        """What may happen to a host, and to the updates of it."""

        @initialize()
        def begin(self) -> None:
            self.steps = 0

        @rule(part=st.sampled_from(PARTS))
        def removed(self, part: str) -> None:
            for container in of(whole, part):
                container.remove(force=True)

        @rule(part=st.sampled_from(PARTS))
        def stopped(self, part: str) -> None:
            for container in of(whole, part):
                container.stop(timeout=1)

        @rule(part=st.sampled_from(PARTS), which=st.integers(0, 3))
        def cut_off(self, part: str, which: int) -> None:
            for container in of(whole, part):
                attached = sorted(container.attrs["NetworkSettings"]["Networks"])
                network = whole.docker.networks.get(attached[which % len(attached)])
                network.disconnect(container, force=True)

        @rule(number=st.integers(0, 20))
        def files_lost(self, number: int) -> None:
            there = whole.docker.volumes.list(filters=containers.labelled(whole.label))
            files = sorted((v for v in there if holds_files(whole, v)), key=lambda v: v.name)
            in_volume(whole, files[number % len(files)], "rm -rf /volume/current")

        @rule()
        def refreshed(self) -> None:
            whole.pulumi("refresh", "--yes")

        @rule()
        def failed(self) -> None:
            update_that_fails(whole)

        @rule(after=st.sampled_from([2, 4, 6]))
        def killed(self, after: int) -> None:
            update_that_is_killed(whole, after=after)

        def teardown(self) -> None:
            heals(whole)

    run_state_machine_as_test(
        Faults,
        settings=settings(
            max_examples=2,
            stateful_step_count=4,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # a failing one isn't made smaller: that takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def of(whole: Checkout, part: str) -> list[Container]:
    there = containers.all_of(whole.docker, whole.label)
    return [container for container in there if container.labels[containers.COMPONENT] == part]


def update_that_fails(whole: Checkout) -> None:
    """An update in which a site's image can't be had, and nothing else is wrong."""
    good = whole.image("php")
    whole.use_image("php", NO_IMAGE)
    try:
        done = whole.up(check=False)
    finally:
        whole.use_image("php", good)
    assert done.returncode
    plain(done.stdout)
    assert (
        f"image {NO_IMAGE} is not on the host, and can neither be pulled nor built" in done.stdout
    )


def update_that_is_killed(whole: Checkout, *, after: float) -> None:
    began = time.monotonic()
    with contextlib.suppress(AssertionError):  # it may have ended by then
        whole.killed_up(when=lambda: time.monotonic() - began > after)


def heals(whole: Checkout) -> None:
    """One update, and all is as it was."""
    plain(whole.up().stdout)
    checks: dict[str, Callable[[], object]] = {
        "alpha": lambda: whole.serves(whole.url("alpha"), "marker-of-alpha"),
        "the welcome page": lambda: whole.serves(whole.url("welcome"), WELCOME_MARKER),
        "program": lambda: whole.serves(whole.url("program"), "ran index.php"),
        "the vault": lambda: whole.serves(whole.url("vault") + "v1/sys/health", "initialized"),
        "Prometheus": lambda: whole.serves(whole.url("prometheus") + "query", "<title>Prom"),
        "the package index": lambda: whole.get(whole.url("pypi") + "health").status == 200,
    }
    for what, check in checks.items():
        wait_until(check, f"{what} answers")
    whole.pulumi("preview", "--expect-no-changes")


def plain(said: str) -> None:
    """No word of Pulumi's or of Python's in what a person reads."""
    for word in ("calling application", "Traceback", "pulumi:", "docker:index", "homeport:index",
                 "pulumi-python", "Exception"):  # fmt: skip
        assert word not in said, said


def holds_files(whole: Checkout, volume: Volume) -> bool:
    """Files that are made again: no data, and no sockets, whose loss the health check notices."""
    in_memory = (volume.attrs["Options"] or {}).get("type") == "tmpfs"
    return not in_memory and not str(volume.name).startswith(f"homeport-{whole.stack}-")


def in_volume(whole: Checkout, volume: Volume, script: str) -> None:
    whole.docker.containers.run(
        whole.image("site"),
        ["-c", script],
        entrypoint="sh",
        user="0:0",
        network_mode="none",
        volumes={volume.name: {"bind": "/volume", "mode": "rw"}},
        remove=True,
    )
