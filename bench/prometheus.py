"""From a fault to who is told of it, from a site's file to its first scrape, and what all costs."""

from __future__ import annotations

import time

import psutil

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.second_host import requires_root
from tests.e2e.support.waiting import wait_until
from tests.e2e.watched import SETTINGS, Watched

_PARTS = ("prometheus", "alertmanager", "blackbox", "node-exporter")
_NUMBERS = (6, 50)
_IDLE_SECONDS = 60
_BY_SETTING = {
    "SiteDown": "site",
    "ContentNotSynced": "content",
    "DiskFilling": "disk",
    "RegistryDown": "registry",
    "VaultSealed": "vault",
    "TargetMissing": "target",
    "GatewayDown": "gateway",
}
"""How long each alert waits by itself, which is no cost."""


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """One stack, on which one thing after the other goes wrong; then one with more sites."""
    with Watched(checkout, small_disk=not requires_root()) as watched:
        watched.all_is_well()
        rows = [("all scrapes and probes: every … seconds", SETTINGS["interval"][:-1])]
        rows += [
            (
                f"{alert}: seconds from the fault to its message, beyond its own {_lasting(alert)}",
                f"{_until_told(watched, alert):.1f}",
            )
            for alert in _BY_SETTING
            if alert in watched.troubles or alert == "GatewayDown"
        ]
        rows.append(
            ("GatewayRestarting: seconds from its third restart to its message", _restarts(watched))
        )
        rows.append(
            (
                "CertificateNearEnd: seconds from the reload that makes it short to its message",
                _certificate(watched),
            )
        )
        rows.append(("seconds from a saved site file to its first scrape", _until_scraped(watched)))
        watched.configure(interval="15s", alerts={}, notify={})
        for number in _NUMBERS:
            _have_sites(watched, number)
            rows += _costs(watched, number)
        return rows


def _lasting(alert: str) -> int:
    return int(SETTINGS["alerts"][_BY_SETTING[alert]][:-1])


def _until_told(watched: Watched, alert: str) -> float:
    receiver = watched.receiver
    watched.all_is_well()
    since = len(receiver.messages)
    began = time.monotonic()
    if alert == "GatewayDown":
        containers.signal_service(watched.container("proxy"), "STOP")
    else:
        watched.troubles[alert].provoke(watched)
    wait_until(lambda: receiver.alerts(alert, "firing", since=since), f"{alert} is told", every=0.1)
    took = time.monotonic() - began
    if alert != "GatewayDown":  # its health check mends that
        watched.troubles[alert].mend(watched)
    wait_until(
        lambda: receiver.alerts(alert, "resolved", since=since), f"{alert} has ended", every=0.1
    )
    return took - _lasting(alert)


def _restarts(watched: Watched) -> str:
    receiver = watched.receiver
    since = len(receiver.messages)
    for _ in range(3):
        watched.restart_router()
    began = time.monotonic()
    wait_until(
        lambda: receiver.alerts("GatewayRestarting", "firing", since=since),
        "restarts are told",
        every=0.1,
    )
    return f"{time.monotonic() - began:.1f}"


def _certificate(watched: Watched) -> str:
    """Certificates aren't made shorter; what is taken for short is, by an update's reload."""
    receiver = watched.receiver
    alerts = SETTINGS["alerts"]
    watched.configure(alerts={key: alerts[key] for key in alerts if key != "certificate"})
    watched.up()
    name = "CertificateNearEnd"
    wait_until(lambda: receiver.alerts(name, "resolved"), f"{name} has ended")
    since = len(receiver.messages)
    watched.configure(alerts=alerts)
    watched.up()
    wait_until(lambda: receiver.alerts(name, "firing", since=since), f"{name} is told", every=0.1)
    ((_, reloaded),) = watched.query("prometheus_config_last_reload_success_timestamp_seconds")
    told = next(
        message["arrived"]
        for message in receiver.messages[since:]
        for alert in message["alerts"]
        if (alert["labels"]["alertname"], alert["status"]) == (name, "firing")
    )
    return f"{told - reloaded:.1f}"


def _until_scraped(watched: Watched) -> str:
    began = time.monotonic()
    _redirect(watched.checkout, 0)
    watched.up()
    wait_until(lambda: "bench-0" in watched.sites(), "the new site is probed", every=0.1)
    took = time.monotonic() - began
    (watched.checkout.folder / "config/sites/bench-0.yaml").unlink()
    return f"{took:.1f}"


def _redirect(checkout: Checkout, number: int) -> None:
    """A site without a container: to whoever watches, it is one as any other."""
    checkout.write_site(
        f"bench-{number}", f"hosts: [bench-{number}]\nredirect: {{to: https://blog.localhost}}\n"
    )


def _have_sites(watched: Watched, number: int) -> None:
    checkout = watched.checkout
    there = len(list((checkout.folder / "config/sites").glob("*.yaml")))
    for one in range(number - there):
        _redirect(checkout, 100 + one)
    watched.up()
    watched.all_is_well()


def _costs(watched: Watched, number: int) -> list[tuple[str, str]]:
    """Memory of each part, and processor time, over a while in which nothing happens."""
    services = {part: _service(watched, part) for part in _PARTS}
    before = {part: sum(service.cpu_times()[:2]) for part, service in services.items()}
    time.sleep(_IDLE_SECONDS)
    rows = []
    for part, service in services.items():
        used = sum(service.cpu_times()[:2]) - before[part]
        memory = service.memory_info().rss / 2**20
        rows += [
            (f"{number} sites, {part}: MiB", f"{memory:.0f}"),
            (f"{number} sites, {part}: % of a core", f"{used / _IDLE_SECONDS * 100:.1f}"),
        ]
    ((_, series),) = watched.query("prometheus_tsdb_head_series")
    return [*rows, (f"{number} sites: series", f"{series:.0f}")]


def _service(watched: Watched, part: str) -> psutil.Process:
    container = watched.container(part)
    (service,) = psutil.Process(container.attrs["State"]["Pid"]).children()
    return service
