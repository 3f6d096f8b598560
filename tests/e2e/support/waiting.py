"""Waiting for a state of the system, with an end to the patience."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], what: str, *, seconds: float = 60, every: float = 0.1
) -> float:
    """Wait until `condition()` is true, and return how many seconds that took.

    An exception of the condition counts as "not yet"; the last one is the cause of the
    TimeoutError that ends the patience.
    """
    began = time.monotonic()
    problem: Exception | None = None
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except Exception as error:  # noqa: BLE001  # the caller's own; shown at the end
            problem = error
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"after {seconds:g} s still not: {what}") from problem
        time.sleep(every)
