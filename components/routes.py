"""What the gateway sends where: plain data that components offer and the gateway takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for `hosts` go to `upstream`."""

    component: str
    """Whose route it is."""
    hosts: tuple[str, ...]
    """Full host names, as visitors type them."""
    upstream: str
    """`name:port` on a network that the gateway stands in."""
