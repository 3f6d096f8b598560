"""Requests per second and slow answers: through the gateway, of the site itself, and of nginx."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docker.models.containers import Container

from bench.servers import caddy, ip, nginx
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.client import Address

_TOOLS = {"h2load": "nghttp2-client", "openssl": "openssl"}
"""What it takes beside Docker, with the Debian package of each."""
_ROUNDS = 5
_REQUESTS = 8_000
_CLIENTS = 16
_GATEWAY = ("proxy", "router")
_OTHERS = ("Caddy", "nginx")


@dataclass(frozen=True)
class Rate:
    """How quickly a server answered one round of requests."""

    per_second: float
    p99: float
    """Milliseconds within which 99 of 100 were answered."""


def throughput(checkout: Checkout, name: str) -> list[tuple[str, str]]:
    """Requests of a site, one server after the other, and that several times, and their memory.

    All are containers in front of the same site, and asked at their addresses on Docker's
    bridges: nobody's requests go through Docker's proxy for published ports.
    """
    if missing := [f"{tool} ({_TOOLS[tool]})" for tool in _TOOLS if not shutil.which(tool)]:
        print(f"No requests per second: install {', '.join(missing)}", file=sys.stderr)
        return []
    host, marker = f"{name}.localhost", f"marker-of-{name}"
    site = ip(containers.one(checkout.docker, checkout.label, name)), 80
    gateway = [containers.one(checkout.docker, checkout.label, each) for each in _GATEWAY]
    secure, plain = f"https://{host}/", f"http://{host}/"
    with caddy(checkout, host) as by_caddy, nginx(checkout, host) as by_nginx:
        checkout.serves(checkout.url(name), marker)
        servers = {
            "gateway": (ip(gateway[0]), checkout.https),
            "Caddy": (ip(by_caddy), 443),
            "nginx": (ip(by_nginx), 443),
        }
        asked: dict[str, Callable[[], Rate]] = {
            "site": lambda: _rate(plain, site, "--h1"),
            **{who: partial(_rate, secure, at, "--h1") for who, at in servers.items()},
            **{f"{who}, HTTP/2": partial(_rate, secure, at) for who, at in servers.items()},
        }
        rounds = [{who: ask() for who, ask in asked.items()} for _ in range(_ROUNDS)]
        memory = [
            (f"{who}: memory, MiB", f"{sum(_mib(each) for each in of_it):.0f}")
            for who, of_it in (("gateway", gateway), ("Caddy", [by_caddy]), ("nginx", [by_nginx]))
        ]
    return [*_figures(rounds), *_ratios(rounds), *memory]


def _figures(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    for who in rounds[0]:
        per_second = statistics.median(each[who].per_second for each in rounds)
        p99 = statistics.median(each[who].p99 for each in rounds)
        yield f"{who}: requests per second, p99", f"{per_second:,.0f}, {p99:.1f} ms"


def _ratios(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    """The middle one of the ratios that each round gives."""
    for one, other in (
        ("gateway", "site"),
        *((f"gateway{http}", f"{other}{http}") for other in _OTHERS for http in ("", ", HTTP/2")),
    ):
        per_second = statistics.median(r[one].per_second / r[other].per_second for r in rounds)
        p99 = statistics.median(r[one].p99 / r[other].p99 for r in rounds)
        yield f"{one} / {other}: requests per second, p99", f"{per_second:.2f}, {p99:.2f}"


def _rate(url: str, address: Address, *options: str) -> Rate:
    """One round; RuntimeError unless every request was answered with 200."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        subprocess.run(
            [
                "h2load",
                *(f"--requests={_REQUESTS}", f"--clients={_CLIENTS}", f"--log-file={log}"),
                *(f"--connect-to={address[0]}:{address[1]}", *options, url),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        # Each line: when it was sent, in microseconds; status; microseconds until the answer.
        answers = [tuple(map(int, line.split("\t"))) for line in log.read_text().splitlines()]
    good = sum(status == 200 for _, status, _ in answers)
    if good != _REQUESTS:
        raise RuntimeError(f"{url} at {address}: only {good} of {_REQUESTS} were answered with 200")
    lasted = max(sent + took for sent, _, took in answers) - min(sent for sent, _, _ in answers)
    p99 = sorted(took for _, _, took in answers)[_REQUESTS * 99 // 100]
    return Rate(_REQUESTS / lasted * 1e6, p99 / 1e3)


def _mib(container: Container) -> float:
    """What its processes hold of memory."""
    shown = container.top(ps_args="-o pid,rss")
    at = shown["Titles"].index("RSS")
    return sum(int(process[at]) for process in shown["Processes"]) / 1024
