"""What Prometheus and the blackbox exporter read: jobs from targets, probes from routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import parse_qsl, urlsplit

import yaml

from components.entrance import GATEWAY
from components.routes import Files, Guard, Redirect, Refusal, Route, Upstream
from components.targets import Target
from values.entrance import Entrance, Scheme
from values.time import seconds

CONFIG_AT = "/config"
CONFIG = "prometheus.yml"
PROBE = "probe"
"""The job that asks every public URL."""
PROMETHEUS = "prometheus:9090"
BLACKBOX = "blackbox:9115"
ALERTMANAGER = "alertmanager:9093"
RULES = "alerts.yml"
OWN_SCRAPES = "scrape.yml"
OWN_RULES = "rules"
"""Folder of the person's rules."""
ROOTS = "root.crt"

# Only the problems of its output.
CHECK = f"promtool check config {CONFIG_AT}/current/{CONFIG} 2>&1 >/dev/null"
# By a signal: the URL that reloads would come with one that ends Prometheus, for whoever stands on
# its network. Whether the new files were taken, its own figures say: they change with every
# success, and with the first failure after one.
_RELOAD = """\
result() { wget -q -O - http://127.0.0.1:9090/metrics | grep '^prometheus_config_last_reload_'; }
before=$(result)
killall -HUP prometheus
for second in 1 2 3 4 5 6 7 8 9 10; do
  after=$(result)
  if [ "$after" != "$before" ]; then
    case $after in *_successful\\ 1*) exit 0 ;; esac
    break
  fi
  sleep 1
done
"""

# What the page asks for, but the configuration, the command line and Go's profiles: they show
# more of the host than of what is watched.
_PAGE = (
    *("/", "/query", "/graph", "/alerts", "/rules", "/targets", "/status", "/tsdb-status"),
    *("/service-discovery", "/alertmanager-discovery", "/assets/*", "/favicon*", "/-/ready"),
    *(
        f"/api/v1/{name}"
        for name in (
            *("query", "query_range", "query_exemplars", "parse_query", "format_query", "series"),
            *("labels", "label/*", "metadata", "alerts", "rules", "alertmanagers", "features"),
            *("targets", "targets/metadata", "targets/relabel_steps", "scrape_pools"),
            *("status/buildinfo", "status/runtimeinfo", "status/tsdb", "status/walreplay"),
            *("notifications", "notifications/live"),
        )
    ),
)

_OF_A_SITE = (200, 301, 302, 303, 307, 308, 401)
"""A page, or a redirect or a password of the site's own."""
_PROBE_SECONDS = 5

# The router counts requests by the Host that visitors wrote: with the stack's port, or as an
# absolute name. By `host` they are one site's; `asked` keeps what was written apart.
_BY_SITE = {
    "gateway": {
        "metric_relabel_configs": [
            {"source_labels": ["host"], "regex": r"(.+(?:\.|:\d+))", "target_label": "asked"},
            {"source_labels": ["host"], "regex": r"(.+?)\.?(?::\d+)?", "target_label": "host"},
        ]
    }
}
"""What a job does with its figures, by the job's name."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One URL, asked as a visitor would."""

    site: str
    host: str
    url: str
    """As a visitor types it."""
    asked: str
    """The same at the gateway's address."""
    statuses: Sequence[int]
    """The answers that are well."""

    @property
    def module(self) -> str:
        """The blackbox exporter's name for how it is asked."""
        return "site" if len(self.statuses) > 1 else f"status_{self.statuses[0]}"


def probes(routes: Iterable[Route], entrance: Entrance) -> list[Probe]:
    """A probe for each route that visitors take, by each scheme that doesn't send them to the
    other one; servers outside are nobody's to ask.
    """
    return [
        _probe(route, entrance, statuses, scheme)
        for route in sorted(routes, key=lambda route: (route.host, route.path))
        if route.visited and (statuses := _statuses(route))
        for scheme in entrance.schemes(route.host)
    ]


def _probe(route: Route, entrance: Entrance, statuses: Sequence[int], scheme: Scheme) -> Probe:
    path = route.path or "/"
    if route.path and isinstance(route.handler, Upstream | Files):
        path += "/"  # without it a web server redirects by itself, and PHP for one is never asked
    # The gateway asks for passwords by itself, whether anything answers behind it or not.
    path = (route.guard and route.guard.open) or path
    port = entrance.http if scheme == "http" else entrance.https
    return Probe(
        site=route.component,
        host=route.host,
        url=entrance.url(route.host, scheme) + route.path,
        asked=f"{scheme}://{GATEWAY}:{port}{path}",
        statuses=statuses,
    )


def _statuses(route: Route) -> Sequence[int]:
    if route.guard:
        return (200,) if route.guard.open else (401,)
    match route.handler:
        case Redirect(status=status) | Refusal(status=status):
            return (status,)
        case Upstream() as upstream:
            return () if upstream.outside else _OF_A_SITE
        case Files():
            return _OF_A_SITE


def prometheus_yml(
    stack: str, interval: str, targets: Iterable[Target], probed: Iterable[Probe]
) -> str:
    """The whole file. The person's own jobs and rules stand in files beside it."""
    said = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": min(interval, "10s", key=seconds),
            "evaluation_interval": interval,
            "external_labels": {"stack": stack},
        },
        "rule_files": [RULES, f"{OWN_RULES}/*"],
        "scrape_config_files": [OWN_SCRAPES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [ALERTMANAGER]}]}]},
        "scrape_configs": [
            *(
                {
                    "job_name": job,
                    "static_configs": [_static(target) for target in of_job],
                    **_BY_SITE.get(job, {}),
                }
                for job, of_job in groupby(
                    sorted(targets, key=lambda target: (target.job, target.address)),
                    lambda target: target.job,
                )
            ),
            {
                "job_name": PROBE,
                "metrics_path": "/probe",
                "static_configs": [_asked(probe) for probe in probed],
            },
        ],
    }
    return yaml.safe_dump(said, sort_keys=False, width=1000)


def _static(target: Target) -> Mapping[str, object]:
    parts = urlsplit(target.path)
    labels = {f"__param_{key}": value for key, value in parse_qsl(parts.query)}
    if parts.path != "/metrics":
        labels["__metrics_path__"] = parts.path
    return {"targets": [target.address], **({"labels": labels} if labels else {})}


def _asked(probe: Probe) -> Mapping[str, object]:
    return {
        "targets": [BLACKBOX],
        "labels": {
            "instance": probe.url,
            "site": probe.site,
            "__param_target": probe.asked,
            "__param_hostname": probe.host,
            "__param_module": probe.module,
        },
    }


def blackbox_yml(probed: Iterable[Probe], *, own_roots: bool) -> str:
    """How the exporter asks each kind of URL: one request, whose status decides.

    With `own_roots`, it verifies TLS only with the certificates beside this file.
    """
    roots = f"{CONFIG_AT}/current/{ROOTS}"
    modules = {
        probe.module: {
            "prober": "http",
            "timeout": f"{_PROBE_SECONDS}s",
            "http": {
                "valid_status_codes": list(probe.statuses),
                "follow_redirects": False,
                "preferred_ip_protocol": "ip4",
                **({"tls_config": {"ca_file": roots}} if own_roots else {}),
            },
        }
        for probe in probed
    }
    return yaml.safe_dump({"modules": dict(sorted(modules.items()))}, sort_keys=False)


def reload_script(logs: str) -> str:
    """Makes Prometheus read its files again. Fails if Prometheus refuses them, and names the
    command that shows its log.
    """
    said = f"Prometheus did not take the new files; its log says why: {logs}"
    return f'{_RELOAD}echo "{said}"\nexit 1\n'


def reload_request(port: str) -> list[str]:
    """Makes a service read its files again. Fails if the service refuses them."""
    return ["wget", "-q", "-O", "-", "--post-data=", f"http://127.0.0.1:{port}/-/reload"]


def prometheus_routes(host: str, guard: Guard | None) -> list[Route]:
    """Prometheus' own page, at a host of its own."""
    upstream = Upstream(address=PROMETHEUS, patience="60s", paths=_PAGE)
    return [Route(component="prometheus", host=host, path="", handler=upstream, guard=guard)]
