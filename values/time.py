"""Times as people write them, such as `5m`."""

from __future__ import annotations

from typing import Annotated

from values.model import matching

Time = Annotated[str, matching(r"[1-9][0-9]{0,4}[smhd]", "a time such as 5m")]


def seconds(time: str) -> int:
    """The same in seconds."""
    return int(time[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[time[-1]]
