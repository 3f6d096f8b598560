"""The stacks that tests share; all of it is removed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.checkout import Checkout, Place, over_ssh, this_machine
from tests.e2e.following import HOOKED, OTHERS, Following
from tests.e2e.groups import GroupScheduling, group, turn
from tests.e2e.sites import every_kind, page, program
from tests.e2e.support.clean import stack_name, sweep
from tests.e2e.support.second_host import SecondHost, requires_root
from tests.e2e.vaulted import Vaulted
from tests.e2e.whole import Whole


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    config.option.loadscopereorder = False  # the order is that of the collection
    return GroupScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))


_shared: list[Checkout] = []
"""Stacks of this worker that several files use."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A stack ends with the last test that shares it, and not with its worker."""
    yield
    if nextitem is None or group(nextitem.nodeid) != group(item.nodeid):
        while _shared:
            _shared.pop().close()


@pytest.fixture(scope="session", autouse=True)
def what_killed_runs_left() -> None:
    """Remove it, so that it can't disturb this run."""
    client = docker.from_env()
    sweep(client)
    client.close()


@pytest.fixture(scope="session")
def second_host() -> Iterator[SecondHost]:
    """One for all stacks of a worker, as it takes a while to have all images there."""
    if reason := requires_root():
        pytest.skip(reason)
    with SecondHost() as host:
        yield host


@pytest.fixture(scope="session", params=["socket", "ssh"])
def place(request: pytest.FixtureRequest) -> Place:
    """This machine's engine, and a second host's over SSH."""
    if request.param == "socket":
        return this_machine()
    return over_ssh(request.getfixturevalue("second_host"))


@pytest.fixture(scope="session")
def whole(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A stack that is up, with every part. Over SSH all parts are tested on it."""
    folder: Path = tmp_path_factory.mktemp(f"whole-{place.name}")
    checkout = Checkout(folder / "checkout", place, stack_name(f"whole-{place.name}"))
    try:
        with Whole(checkout, folder) as whole:
            yield whole
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def checkout(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that is up, with the project's own sites."""
    folder: Path = tmp_path_factory.mktemp(place.name) / "checkout"
    checkout = Checkout(folder, place, stack_name(place.name))
    try:
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="session")
def estate(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    """A stack that is up, with sites of every kind; over SSH those of folders are enough."""
    if place.name == "ssh":
        yield request.getfixturevalue("whole").checkout
        return
    folder: Path = tmp_path_factory.mktemp(f"sites-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"sites-{place.name}"))
    _shared.append(checkout)
    try:
        every_kind(checkout)
        checkout.up()
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="session")
def few(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that is up, with few sites, as it is brought up again and again: a static one with
    a container and one without, and one of PHP, beside the welcome page.
    """
    folder: Path = tmp_path_factory.mktemp(f"few-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"few-{place.name}"))
    _shared.append(checkout)
    try:
        page(checkout, "alpha", "marker-of-alpha")
        page(checkout, "beta", "marker-of-beta", hosting="shared")
        program(checkout)
        checkout.up()
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def following(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Following]:
    """A stack that is up, whose sites follow git; over SSH one site of the git server is enough."""
    if place.name == "ssh":
        yield request.getfixturevalue("whole").following
        return
    folder: Path = tmp_path_factory.mktemp(f"git-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"git-{place.name}"))
    sites = (*HOOKED, *OTHERS)
    try:
        with Following(checkout, sites, small_disk=not requires_root()) as following:
            yield following
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def vaulted(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vaulted]:
    """A stack that is up, with a vault."""
    if place.name == "ssh":
        yield request.getfixturevalue("whole").vaulted
        return
    folder: Path = tmp_path_factory.mktemp(f"vault-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"vault-{place.name}"))
    try:
        vaulted = Vaulted(checkout)
        vaulted.up()
        yield vaulted
    finally:
        checkout.close()
