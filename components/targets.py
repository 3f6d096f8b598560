"""What Prometheus scrapes: plain data that components offer beside their routes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """One place where a component tells its figures."""

    job: str
    """What Prometheus calls it."""
    address: str
    """`name:port` on the network `services`."""
    path: str = "/metrics"
