"""The metrics of each site, for Prometheus. A removed site has no series."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from publisher.scheduler import Job, Scheduler

_GAUGES: dict[str, tuple[str, Callable[[Job], float | None]]] = {
    "last_success_timestamp_seconds": (
        "Unix time at which the site last matched its repository.",
        lambda job: job.last_success,
    ),
    "last_attempt_timestamp_seconds": (
        "Unix time at which the publisher last asked the repository.",
        lambda job: job.last_attempt,
    ),
    "duration_seconds": ("Duration of the last run.", lambda job: job.seconds),
    "bytes": (
        "Size of the published files.",
        lambda job: job.status.size if job.status else None,
    ),
}


class _Sites(Collector):
    def __init__(self, jobs: dict[str, Job]) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        for metric, (text, read) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"publisher_{metric}", text, labels=["site"])
            for site, job in self._jobs.items():
                if (value := read(job)) is not None:
                    gauge.add_metric([site], value)
            yield gauge
        failures = CounterMetricFamily("publisher_failures", "Failed runs.", labels=["site"])
        commit = GaugeMetricFamily(
            "publisher_commit_info", "The published commit.", labels=["site", "commit"]
        )
        for site, job in self._jobs.items():
            failures.add_metric([site], job.failed)
            if job.status:
                commit.add_metric([site, job.status.commit], 1)
        yield failures
        yield commit


def exposition(scheduler: Scheduler) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Sites(scheduler.jobs))
    return generate_latest(registry)
