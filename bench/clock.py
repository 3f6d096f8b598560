"""Seconds: of an action, and from a saved file to the answer that shows it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from tests.e2e.checkout import Checkout
from tests.e2e.support.waiting import wait_until

_REPEATS = 5


def repeated(figure: Callable[[], float]) -> list[float]:
    """A figure, taken several times in a row."""
    return [figure() for _ in range(_REPEATS)]


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def until_answered(checkout: Checkout, url: str, marker: str) -> float:
    """From the start of an update to the first answer with the marker; asked every 50 ms."""
    update = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", checkout.stack],
        cwd=checkout.folder,
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return wait_until(
            lambda: checkout.serves(url, marker), f"{url} shows it", seconds=120, every=0.05
        )
    finally:
        update.wait()
