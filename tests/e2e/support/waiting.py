"""Waiting for a state of the system, with an end to the patience."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object], what: str, *, seconds: float = 60, every: float = 0
) -> float:
    """Wait until `condition()` is true, and return how many seconds that took.

    It looks `every` so many seconds; else after a tenth of what it has waited, from 0.05 to 0.5 s,
    because a look into a container takes CPU from what is waited for.
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
        if (waited := time.monotonic() - began) > seconds:
            raise TimeoutError(f"after {seconds:g} s still not: {what}") from problem
        time.sleep(every or min(max(waited / 10, 0.05), 0.5))
