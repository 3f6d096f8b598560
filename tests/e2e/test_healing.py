"""What crashes, hangs or runs out of memory comes back by itself, or is left alone."""

from __future__ import annotations

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_GATEWAY = ("proxy", "router")
# Enough for the limit of each: a site's 128 MiB or 256 MiB, the gateway's 512 MiB.
_EAT_MEMORY = "head -c 900m /dev/zero | tail"


def _serves_again(estate: Checkout, name: str) -> None:
    def serves() -> bool:
        estate.serves(estate.url(name), f"marker-of-{name}")
        return True

    wait_until(serves, f"{name} serves again")


@pytest.mark.parametrize("component", ["proxy", "router", "alpha", "program"])
def test_a_killed_service_comes_back(estate: Checkout, component: str) -> None:
    container = containers.one(estate.docker, estate.label, component)
    containers.signal_service(container, "KILL")
    _serves_again(estate, "alpha" if component in _GATEWAY else component)


@pytest.mark.parametrize("component", ["proxy", "router", "alpha", "program"])
def test_a_hung_service_comes_back(estate: Checkout, component: str) -> None:
    containers.wait_healthy(estate.docker, estate.label, component)
    container = containers.one(estate.docker, estate.label, component)
    started = container.attrs["State"]["StartedAt"]
    containers.signal_service(container, "STOP")

    def restarted() -> bool:
        container.reload()
        return bool(container.attrs["State"]["StartedAt"] != started)

    wait_until(restarted, f"{component} was ended and started again")
    _serves_again(estate, "alpha" if component in _GATEWAY else component)


@pytest.mark.parametrize("component", ["proxy", "router", "alpha"])
def test_a_service_that_runs_out_of_memory_comes_back(estate: Checkout, component: str) -> None:
    container = containers.one(estate.docker, estate.label, component)
    container.exec_run(["sh", "-c", _EAT_MEMORY])
    _serves_again(estate, "alpha")


def test_with_the_policy_no_a_hung_service_is_only_reported(estate: Checkout) -> None:
    estate.configure(restart="no")
    estate.up()
    container = containers.one(estate.docker, estate.label, "alpha")
    containers.signal_service(container, "STOP")

    def unhealthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "unhealthy")

    try:
        wait_until(unhealthy, "the check reports the hang")
        assert container.attrs["State"]["Running"]
        assert container.attrs["RestartCount"] == 0
    finally:
        containers.signal_service(container, "CONT")
    _serves_again(estate, "alpha")
    estate.configure()
    estate.up()
