"""What crashes, hangs or runs out of memory comes back by itself, or is left alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from host import engine
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

# Of all that takes memory in the container, the service is what the kernel ends.
_FIRST_TO_GO = 'read -r it _ </proc/1/task/1/children; echo 1000 >"/proc/$it/oom_score_adj"'
# Enough for the limit of each: a site's 128 MiB, the gateway's 512 MiB.
_EAT_MEMORY = "head -c 900m /dev/zero | tail"


@pytest.mark.parametrize("component", ["proxy", "router", "alpha", "program"])
def test_a_killed_service_comes_back(few: Checkout, component: str) -> None:
    started = _started(few, component)
    containers.signal_service(containers.one(few.docker, few.label, component), "KILL")
    _assert_restarted_and_serves(few, {component: started})


def test_hung_services_come_back(few: Checkout) -> None:
    started = {}
    for component in ("proxy", "router", "alpha", "program"):
        containers.wait_healthy(few.docker, few.label, component)
        started[component] = _started(few, component)
    for component in started:
        containers.signal_service(containers.one(few.docker, few.label, component), "STOP")
    _assert_restarted_and_serves(few, started)


def test_lost_sockets_come_back(few: Checkout) -> None:
    containers.wait_healthy(few.docker, few.label, "router")
    started = _started(few, "router")
    containers.run_in(containers.one(few.docker, few.label, "router"), "rm -r /sockets/*")
    _assert_restarted_and_serves(few, {"router": started})


@pytest.mark.parametrize("component", ["proxy", "router", "alpha"])
def test_a_service_that_runs_out_of_memory_comes_back(few: Checkout, component: str) -> None:
    started = _started(few, component)
    container = containers.one(few.docker, few.label, component)
    # Where the binary carries capabilities, its file in /proc is root's.
    mark = ["sh", "-c", _FIRST_TO_GO]
    assert any(engine.run_in(container, mark, user=user).code == 0 for user in ("", "root"))
    engine.run_in(container, ["sh", "-c", _EAT_MEMORY])
    _assert_restarted_and_serves(few, {component: started})


def _started(few: Checkout, component: str) -> str:
    """When the component's container was started last."""
    container = containers.one(few.docker, few.label, component)
    return str(container.attrs["State"]["StartedAt"])


def _assert_restarted_and_serves(few: Checkout, started: Mapping[str, str]) -> None:
    """Each component was ended and started again since, and visitors get their page."""
    wait_until(
        lambda: all(_started(few, each) != before for each, before in started.items()),
        f"{', '.join(started)} started again",
    )
    for component in started:
        _assert_serves(few, "alpha" if component in ("proxy", "router") else component)


def _assert_serves(few: Checkout, name: str) -> None:
    wait_until(lambda: few.serves(few.url(name), f"marker-of-{name}"), f"{name} serves again")
