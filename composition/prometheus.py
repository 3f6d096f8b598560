"""Prometheus: how it looks at the stack, and who is told."""

from __future__ import annotations

from components.prometheus.config import prometheus_routes
from components.prometheus.watching import Watching
from components.routes import Guard, Route
from composition.people import accounts
from config.estate import Estate
from values.prometheus import PrometheusSettings


def pages_of_prometheus(estate: Estate) -> list[Route]:
    """Where Prometheus is found, where there is one."""
    settings = estate.settings
    if not settings.prometheus:
        return []
    guard = Guard(accounts=accounts(settings)) if settings.prometheus.behind_users else None
    return prometheus_routes(estate.services["prometheus"].host, guard)


def what_is_watched(estate: Estate, given: PrometheusSettings) -> Watching:
    """How Prometheus looks at the stack, and who is told."""
    return Watching(
        images=estate.images,
        outside=estate.settings.outside,
        url=estate.entrance.url(estate.services["prometheus"].host),
        entrance=estate.entrance,
        settings=given,
        own=estate.watched,
        backup=estate.settings.daily_backup is not None,
    )
