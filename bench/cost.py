"""What more sites cost: how time and memory grow with their number."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator

from bench.clock import repeated, seconds, until_answered
from bench.rates import TOOLS, h2load
from bench.servers import ip
from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers

_SHARED = (6, 50, 200)
_CONTAINED = (6, 50)
_REQUESTS = 8_000


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """Shared sites first, then as many containers, on one stack that grows."""
    rows: list[tuple[str, str]] = []
    for hosting, numbers in (("shared", _SHARED), ("container", _CONTAINED)):
        for site in (checkout.folder / "config/sites").glob("s*.yaml"):
            site.unlink()
        for number in numbers:
            rows += _row(checkout, hosting, number)
    return rows


def _row(checkout: Checkout, hosting: str, number: int) -> Iterator[tuple[str, str]]:
    for each in range(number):
        _declare(checkout, each, hosting)
    head = f"{number} of {'the gateway' if hosting == 'shared' else 'containers'}"
    yield f"{head}: first up with them, seconds", f"{seconds(checkout.up):.1f}"
    resources = len(checkout.state()["deployment"]["resources"])
    previews = repeated(lambda: seconds(lambda: checkout.pulumi("preview")))
    yield f"{head}: resources", f"{resources}"
    yield f"{head}: preview without changes, seconds", f"{statistics.median(previews):.2f}"
    yield f"{head}: up without changes, seconds", f"{seconds(checkout.up):.1f}"
    new = number  # one more, which the next row has as well
    _declare(checkout, new, hosting)
    took = until_answered(checkout, checkout.url(f"s{new}"), f"marker-of-s{new}")
    yield f"{head}: saved site file to its first answer, seconds", f"{took:.1f}"
    router = containers.one(checkout.docker, checkout.label, "router")
    reload = seconds(lambda: router.exec_run(["sh", "/etc/caddy/current/reload.sh"]))
    yield f"{head}: reload of the router, seconds", f"{reload:.1f}"
    yield f"{head}: memory of the router, MiB", f"{containers.resident_mib(router):.0f}"
    every = containers.all_of(checkout.docker, checkout.label)
    yield f"{head}: memory of all containers, MiB", f"{containers.resident_mib(*every):.0f}"
    if all(map(shutil.which, TOOLS)):
        at = ip(containers.one(checkout.docker, checkout.label, "proxy")), checkout.https
        rate = h2load(f"https://s{number - 1}.localhost/", at, requests=_REQUESTS)
        told = f"{rate.per_second:,.0f}, {rate.p99:.1f} ms"
        yield f"{head}: requests per second of one of them, p99", told


def _declare(checkout: Checkout, number: int, hosting: str) -> None:
    page(checkout, f"s{number}", f"marker-of-s{number}", hosting=hosting)
