"""Times as people write them, such as `5m`."""

from __future__ import annotations


def seconds(time: str) -> int:
    """The same in seconds."""
    return int(time[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[time[-1]]
