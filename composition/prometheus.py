"""Prometheus: how it looks at the stack, and who is told."""

from __future__ import annotations

from components.prometheus.alertmanager_config import Email, Receivers
from components.prometheus.config import prometheus_routes
from components.prometheus.prometheus import Images, Own, Watching
from components.prometheus.rules import Durations
from components.routes import Guard, Route
from composition.people import accounts
from config.estate import Estate
from config.prometheus import OWN, Notify, PrometheusSettings
from config.settings import Settings
from values.model import opened


def pages_of_prometheus(settings: Settings) -> list[Route]:
    """Where Prometheus is found, where there is one."""
    if not settings.prometheus:
        return []
    guard = Guard(accounts=accounts(settings)) if settings.prometheus.behind_users else None
    return prometheus_routes(settings.full_host("prometheus"), guard)


def what_is_watched(estate: Estate, given: PrometheusSettings) -> Watching:
    """How Prometheus looks at the stack, and who is told."""
    settings, images = estate.settings, estate.images
    alerts = given.alerts.model_dump() | {"site": given.site_down_after}
    # Between what is renewed in time and what ends: the gateway changes its own CA's
    # certificates, of twelve hours, with more than an hour left, and others with a tenth of
    # their life left: nine days of ninety, four and a half of forty-five.
    alerts["certificate"] = given.alerts.certificate or ("30m" if settings.tls.internal else "3d")
    return Watching(
        images=Images(
            prometheus=images.prometheus,
            alertmanager=images.alertmanager,
            blackbox=images.blackbox,
            node_exporter=images.node_exporter,
        ),
        outside=settings.outside,
        url=estate.entrance.url(settings.full_host("prometheus")),
        entrance=estate.entrance,
        durations=Durations(interval=given.interval, **alerts),
        retention_time=given.retention.time,
        retention_size=given.retention.size,
        receivers=_receivers(given.notify),
        own=Own(shown_as=OWN, scrapes=estate.watched.scrapes, rules=estate.watched.rules),
    )


def _receivers(notify: Notify) -> Receivers:
    given = notify.email
    email = None
    if given:
        email = Email(
            server=given.server,
            tls=given.tls,
            sender=given.from_,
            to=given.to,
            user=given.user,
            password=opened(given.password),
        )
    return Receivers(
        webhook=opened(notify.webhook),
        email=email,
        wait=notify.wait,
        between=notify.between,
        repeat=notify.repeat,
    )
