"""What visitors notice of a change or a fault of a site, and what the gateway costs them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Literal

import docker

from bench.clock import until_answered
from bench.throughput import throughput
from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.client import get
from tests.e2e.support.waiting import wait_until

_HEALINGS = 3
_CHANGED, _OTHER, _SHARED = "changed", "other", "shared"


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """Changes under load, healing, a new site, and requests per second."""
    page(checkout, _OTHER, f"marker-of-{_OTHER}")
    page(checkout, _SHARED, f"marker-of-{_SHARED}", hosting="shared")
    _declare(checkout)
    checkout.up()
    return [
        *_changes(checkout),
        ("saved site file to its first answer, seconds", f"{_file_to_answer(checkout):.1f}"),
        *_healings(checkout),
        *throughput(checkout, _OTHER, _SHARED),
    ]


def _declare(checkout: Checkout, more: str = "") -> None:
    # With PHP, whose image no other site here has.
    page(checkout, _CHANGED, f"marker-of-{_CHANGED}", more=f"runtime: php\n{more}")


def _changes(checkout: Checkout) -> Iterator[tuple[str, str]]:
    """Failed requests and the slowest answer during each change, of each site that is asked."""
    edited = "caddyfile: header X-Edited yes\n"
    added = checkout.folder / "config/sites/added.yaml"
    with _another_image(checkout) as image:
        changes: list[tuple[str, Sequence[str], Callable[[], object]]] = [
            ("nothing changes", [_CHANGED, _OTHER], lambda: None),
            ("a site is added", [_OTHER], lambda: page(checkout, "added", "marker-of-added")),
            ("a site is removed", [_OTHER], added.unlink),
            (
                "a site's Caddyfile is edited",
                [_CHANGED, _OTHER],
                lambda: _declare(checkout, edited),
            ),
            (
                "a site gets another memory limit",
                [_CHANGED, _OTHER],
                lambda: _declare(checkout, f"{edited}memory_mib: 200\n"),
            ),
            (
                "a site gets another image",
                [_CHANGED, _OTHER],
                lambda: checkout.use_image("php", image),
            ),
        ]
        for what, asked, change in changes:
            with ExitStack() as stack:
                loads = {name: stack.enter_context(checkout.load(name)) for name in asked}
                change()
                checkout.up()
            for name, load in loads.items():
                yield (
                    f"{what}: failed requests of the {name} site, slowest answer",
                    f"{load.failed} of {load.count:,}, {load.slowest * 1000:.0f} ms",
                )


@contextmanager
def _another_image(checkout: Checkout) -> Iterator[str]:
    """The PHP image under another name, for as long as the block lasts."""
    good, other = checkout.image("php"), "homeport/php:bench-next"
    with closing(docker.from_env()) as client:
        client.images.get(good).tag(other)
        try:
            yield other
        finally:
            checkout.use_image("php", good)
            checkout.up()
            client.images.remove(other)


def _file_to_answer(checkout: Checkout) -> float:
    page(checkout, "fresh", "marker-of-fresh")
    return until_answered(checkout, checkout.url("fresh"), "marker-of-fresh")


def _healings(checkout: Checkout) -> Iterator[tuple[str, str]]:
    """Seconds until visitors are served again, for the gateway and a site."""
    signals: tuple[tuple[str, Literal["KILL", "STOP"]], ...] = (
        ("killed", "KILL"),
        ("stopped with SIGSTOP", "STOP"),
    )
    for what, component in (("gateway", "proxy"), ("router", "router"), ("site", _OTHER)):
        for how, signal in signals:
            took = sorted(_healing(checkout, component, signal) for _ in range(_HEALINGS))
            yield (
                f"{what} {how} to serving again, seconds, median (and longest) of {_HEALINGS}",
                f"{statistics.median(took):.1f} ({took[-1]:.1f})",
            )


def _healing(checkout: Checkout, component: str, signal: Literal["KILL", "STOP"]) -> float:
    containers.wait_healthy(checkout.docker, checkout.label, component)
    container = containers.one(checkout.docker, checkout.label, component)
    containers.signal_service(container, signal)
    url, address = checkout.url(_OTHER), (checkout.place.address, checkout.https)

    def serves_again() -> bool:
        answer = get(url, address=address, ca=checkout.ca, timeout=0.5)
        return answer.status == 200 and f"marker-of-{_OTHER}" in answer.text

    return wait_until(serves_again, f"{component} serves again", every=0.1)
