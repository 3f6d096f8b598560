"""Requests per second and slow answers: through the gateway, of the site itself, and of others."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.rates import TOOLS, Rate, build_h3load, h2load, h3load
from bench.servers import CADDY_LOGGING, CADDY_OF_FILES, caddy, ip, nginx
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.client import Address

_ROUNDS = 5
_REQUESTS = 8_000
_GATEWAY = ("proxy", "router")
_OTHERS = ("Caddy", "nginx")
_OTHERS_OF_FILES = ("Caddy with files", "Caddy with files and a log file", "nginx")


def throughput(checkout: Checkout, name: str, shared: str) -> list[tuple[str, str]]:
    """Requests of a site, one server after the other, and that several times, and their memory.

    All are containers in front of the same site, and asked at their addresses on Docker's
    bridges: nobody's requests go through Docker's proxy for published ports. `shared` is another
    site, which the gateway serves itself, compared with a plain Caddy that has its files.
    """
    if missing := [f"{tool} ({TOOLS[tool]})" for tool in TOOLS if not shutil.which(tool)]:
        print(f"No requests per second: install {', '.join(missing)}", file=sys.stderr)
        return []
    host, marker = f"{name}.localhost", f"marker-of-{name}"
    site = ip(containers.one(checkout.docker, checkout.label, name)), 80
    gateway = [containers.one(checkout.docker, checkout.label, each) for each in _GATEWAY]
    with (
        caddy(checkout, host) as by_caddy,
        caddy(checkout, f"{shared}.localhost", CADDY_OF_FILES) as with_files,
        caddy(checkout, f"{shared}.localhost", CADDY_LOGGING) as with_log_file,
        nginx(checkout, host) as by_nginx,
        tempfile.TemporaryDirectory() as folder,
    ):
        checkout.serves(checkout.url(name), marker)
        servers = {
            "gateway": (ip(gateway[0]), checkout.https),
            "Caddy": (ip(by_caddy), 443),
            "nginx": (ip(by_nginx), 443),
        }
        http_3 = {"gateway": (ip(gateway[1]), checkout.https), "Caddy": servers["Caddy"]}
        asked: dict[str, Callable[[], Rate]] = {
            "site": partial(h2load, f"http://{host}/", site, "--h1", requests=_REQUESTS),
            **_asked(f"https://{host}/", servers),
            **_asked(
                f"https://{shared}.localhost/",
                {
                    "shared": servers["gateway"],
                    "Caddy with files": (ip(with_files), 443),
                    "Caddy with files and a log file": (ip(with_log_file), 443),
                },
            ),
            **_asked_over_http_3(f"https://{host}/", http_3, Path(folder)),
        }
        rounds = [{who: ask() for who, ask in asked.items()} for _ in range(_ROUNDS)]
        memory = [
            (f"{who}: memory, MiB", f"{containers.resident_mib(*of_it):.0f}")
            for who, of_it in (("gateway", gateway), ("Caddy", [by_caddy]), ("nginx", [by_nginx]))
        ]
    return [*_figures(rounds), *_ratios(rounds), *memory]


def _asked(url: str, servers: Mapping[str, Address]) -> Mapping[str, Callable[[], Rate]]:
    ask = partial(h2load, url, requests=_REQUESTS)
    return {
        **{who: partial(ask, at, "--h1") for who, at in servers.items()},
        **{f"{who}, HTTP/2": partial(ask, at) for who, at in servers.items()},
    }


def _asked_over_http_3(
    url: str, servers: Mapping[str, Address], folder: Path
) -> Mapping[str, Callable[[], Rate]]:
    if not shutil.which("go"):
        print("No requests over HTTP/3: their client takes Go", file=sys.stderr)
        return {}
    ask = partial(h3load, build_h3load(folder), url, requests=_REQUESTS)
    return {f"{who}, HTTP/3": partial(ask, at) for who, at in servers.items()}


def _figures(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    for who in rounds[0]:
        per_second = statistics.median(each[who].per_second for each in rounds)
        p99 = statistics.median(each[who].p99 for each in rounds)
        yield f"{who}: requests per second, p99", f"{per_second:,.0f}, {p99:.1f} ms"


def _ratios(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    """The middle one of the ratios that each round gives."""
    versions = ("", ", HTTP/2", ", HTTP/3")
    compared = [(f"gateway{http}", f"{other}{http}") for other in _OTHERS for http in versions]
    for http in versions[:2]:
        compared += [(f"shared{http}", f"{other}{http}") for other in _OTHERS_OF_FILES]
    for one, other in [("gateway", "site"), *compared]:
        if {one, other} <= rounds[0].keys():
            per_second = statistics.median(r[one].per_second / r[other].per_second for r in rounds)
            p99 = statistics.median(r[one].p99 / r[other].p99 for r in rounds)
            yield f"{one} / {other}: requests per second, p99", f"{per_second:.2f}, {p99:.2f}"
