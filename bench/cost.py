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
from bench.servers import CADDY_OF_FILES, caddy, ip
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
_ROUNDS = 5


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
                # The unit stands at the axis.
                lines = {
                    what.removesuffix(f", {unit}"): [float(figures[what]) for figures in of_each]
                    for what in drawn
                }
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
        yield from _rate(checkout, f"s{number - 1}")
    for tool in _TOOLS:
        if tool.is_there():
            yield from measured(tool, checkout, hosting, number)


def _rate(checkout: Checkout, site: str) -> Iterator[tuple[str, str]]:
    """Requests per second of one of the sites, compared with a plain Caddy that has this one alone.
    The two are asked in turns, because a machine isn't equally fast for half an hour.
    """
    host = f"{site}.localhost"
    with caddy(checkout, host, CADDY_OF_FILES) as plain:
        gateway = ip(containers.one(checkout.docker, checkout.label, "proxy")), checkout.https
        rounds = [
            [
                h2load(f"https://{host}/", at, requests=_REQUESTS)
                for at in (gateway, (ip(plain), 443))
            ]
            for _ in range(_ROUNDS)
        ]
    per_second = statistics.median(ours.per_second / other.per_second for ours, other in rounds)
    p99 = statistics.median(ours.p99 / other.p99 for ours, other in rounds)
    told = f"{per_second:.2f}, {p99:.2f}"
    yield "requests per second of one of them / of a plain Caddy's only site, p99", told


def _declare(checkout: Checkout, number: int, hosting: str) -> None:
    page(checkout, f"s{number}", f"marker-of-s{number}", hosting=hosting)
