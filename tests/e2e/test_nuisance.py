"""Who is broken, slow or hostile hurts nobody else."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from docker.models.containers import Container

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.nuisance import HARMLESS, There, nuisance

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


def test_who_is_broken_slow_or_hostile_hurts_nobody_else(estate: Checkout) -> None:
    """All at once: malformed chunks, uploads that end early, bytes that trickle, 2,000 idle
    connections, handshakes that never end, streams that are reset. A server in front that took
    broken requests for a fault of the router once made every host wait for seconds.
    """
    at = estate.place.address
    there = There(
        http=(at, estate.http),
        plain_host="welcome.localhost",
        https=(at, estate.https),
        host="alpha.localhost",
    )
    gateway = [containers.one(estate.docker, estate.label, each) for each in ("proxy", "router")]
    with ExitStack() as annoyed:
        for annoy in HARMLESS:
            annoyed.enter_context(nuisance(annoy, there))
        with estate.load("alpha") as load:
            pass
        used = [containers.resident_mib(each) / _limit_mib(each) for each in gateway]
    load.check()
    print(load, used)
    assert max(used) < 0.75, used
    for container in gateway:
        container.reload()
        assert container.attrs["RestartCount"] == 0
        assert not container.attrs["State"]["OOMKilled"]


def _limit_mib(container: Container) -> float:
    return float(container.attrs["HostConfig"]["Memory"]) / 2**20
