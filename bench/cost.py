"""What more sites cost: how time and memory grow with their number."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Iterator

from bench.chart import chart
from bench.clock import repeated, seconds, until_answered
from bench.compose import Compose
from bench.one_caddy import measured
from bench.opentofu import OpenTofu
from bench.rates import TOOLS, h2load
from bench.servers import ip
from host import engine
from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers

_TOOLS = (Compose, OpenTofu)
_NUMBERS = {"shared": (6, 50, 200), "container": (6, 50)}
_PREVIEW = "preview without changes, seconds"
_UP = "up without changes, seconds"
_ROUTER = "memory of the router, MiB"
_ALL = "memory of all containers, MiB"
_PICTURES = [
    ("What more sites cost in time", "seconds", [_PREVIEW, _UP]),
    ("What they cost in memory", "MiB", [_ROUTER, _ALL]),
]
_REQUESTS = 8_000


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """Shared sites first, then as many containers, on one stack that grows.

    Prints the figures of shared sites as pictures for the measurements, too.
    """
    for tool in _TOOLS:
        if not tool.is_there():
            print(f"No rows of {tool.__name__}: it isn't installed", file=sys.stderr)
    rows: list[tuple[str, str]] = []
    for hosting, numbers in _NUMBERS.items():
        for site in (checkout.folder / "config/sites").glob("s*.yaml"):
            site.unlink()
        of_each = [dict(_figures(checkout, hosting, number)) for number in numbers]
        for number, figures in zip(numbers, of_each, strict=True):
            head = f"{number} of {'the gateway' if hosting == 'shared' else 'containers'}"
            rows += [(f"{head}: {what}", figure) for what, figure in figures.items()]
        if hosting == "shared":
            for title, unit, drawn in _PICTURES:
                lines = {what: [float(figures[what]) for figures in of_each] for what in drawn}
                print(chart(title, unit, numbers, lines))
    return rows


def _figures(checkout: Checkout, hosting: str, number: int) -> Iterator[tuple[str, str]]:
    """The figures of so many sites, by what they are."""
    for each in range(number):
        _declare(checkout, each, hosting)
    yield "first up with them, seconds", f"{seconds(checkout.up):.1f}"
    yield "resources", f"{len(checkout.state()['deployment']['resources'])}"
    previews = repeated(lambda: seconds(lambda: checkout.pulumi("preview")))
    yield _PREVIEW, f"{statistics.median(previews):.2f}"
    yield _UP, f"{seconds(checkout.up):.1f}"
    new = number  # one more, which the next number has as well
    _declare(checkout, new, hosting)
    took = until_answered(checkout, checkout.url(f"s{new}"), f"marker-of-s{new}")
    yield "saved site file to its first answer, seconds", f"{took:.1f}"
    router = containers.one(checkout.docker, checkout.label, "router")
    reload = seconds(lambda: engine.run_in(router, ["sh", "/etc/caddy/current/reload.sh"]))
    yield "reload of the router, seconds", f"{reload:.1f}"
    yield _ROUTER, f"{containers.resident_mib(router):.0f}"
    every = containers.all_of(checkout.docker, checkout.label)
    yield _ALL, f"{containers.resident_mib(*every):.0f}"
    if all(map(shutil.which, TOOLS)):
        at = ip(containers.one(checkout.docker, checkout.label, "proxy")), checkout.https
        rate = h2load(f"https://s{number - 1}.localhost/", at, requests=_REQUESTS)
        told = f"{rate.per_second:,.0f}, {rate.p99:.1f} ms"
        yield "requests per second of one of them, p99", told
    for tool in _TOOLS:
        if tool.is_there():
            yield from measured(tool, checkout, hosting, number)


def _declare(checkout: Checkout, number: int, hosting: str) -> None:
    page(checkout, f"s{number}", f"marker-of-s{number}", hosting=hosting)
