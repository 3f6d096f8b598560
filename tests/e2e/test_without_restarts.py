"""A stack whose owner wants nothing restarted. Its other tests come before, by their names."""

from __future__ import annotations

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


def test_with_the_policy_no_a_hung_service_is_only_reported(few: Checkout) -> None:
    few.configure(restart="no")
    few.apply()
    container = containers.one(few.docker, few.label, "alpha")
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
    wait_until(lambda: few.serves(few.url("alpha"), "marker-of-alpha"), "it serves again")
