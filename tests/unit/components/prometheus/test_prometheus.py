"""What Prometheus, Alertmanager and the blackbox exporter are given, and by whom."""

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime import rpc
from pydantic import SecretStr

from components.prometheus.alertmanager_config import (
    alertmanager_secrets,
    alertmanager_yml,
)
from components.prometheus.config import (
    blackbox_yml,
    probes,
    prometheus_routes,
    prometheus_yml,
)
from components.publisher.sources import GitSource, Sources, webhook_routes
from components.routes import Files, Guard, Handler, Redirect, Refusal, Route, Upstream
from components.targets import Target
from config.model import ConfigError
from config.prometheus import OWN, read
from config.settings import Settings
from tests.unit.approved import GOLDEN, approved
from tests.unit.program import (
    EVERY_KIND,
    SEVERAL_SITES,
    Graph,
    an_estate,
    own_config,
    run_main,
    write_files,
)
from tests.unit.test_graph import in_plain
from values.entrance import Entrance
from values.limits import Limits
from values.prometheus import Email, Notify, OwnFiles


def route(name: str, at: str, handler: Handler | None = None, guard: Guard | None = None) -> Route:
    host, slash, rest = at.partition("/")
    handler = handler or Upstream(address=f"site-{name}:80")
    return Route(component=name, host=host, path=slash + rest, handler=handler, guard=guard)


DOOR = Entrance(
    docker_host="unix:///x",
    stack="homeport/test",
    address=IPv4Address("127.0.0.1"),
    http=8080,
    https=8443,
    internal_ca=True,
    plain_hosts=("welcome.localhost",),
)
ROUTES = [
    route("welcome", "welcome.localhost"),
    route("new", "www.localhost/new"),
    route("moved", "old.localhost", Redirect(to="https://a.org/", status=301, keep_path=True)),
    route("away", "away.localhost", Redirect(to="https://a.org/", status=302, keep_path=True)),
    route("refused", "refused.localhost", Refusal(status=502, text="it is outside")),
    route("outside", "outside.localhost", Upstream(address="https://a.org")),
    route("pypi", "pypi.localhost", Upstream(address="pypi:80"), Guard(accounts={"ada": "$2b$"})),
]
TARGETS = [
    Target(job="vault", address="vault:8201", path="/v1/sys/metrics?format=prometheus"),
    Target(job="gateway", address="proxy:2023"),
    Target(job="gateway", address="proxy:2021"),
]
RECEIVERS = Notify(
    webhook=SecretStr("https://hooks.example.org/planted-hook"),
    email=Email(
        server="smtp.example.org:587",
        to="ada@example.org",
        user="homeport",
        password=SecretStr("planted-mail"),
        **{"from": "homeport@example.org"},
    ),
)
PROBED = probes(ROUTES, DOOR)
RENDERED = {
    "prometheus.yml": prometheus_yml("homeport/local", "15s", TARGETS, PROBED),
    "blackbox.yml": blackbox_yml(PROBED, own_roots=True),
    "alertmanager.yml": alertmanager_yml(RECEIVERS),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_generated_file_is_as_it_was_approved(name: str) -> None:
    assert RENDERED[name] == approved(GOLDEN / name, RENDERED[name])


def test_every_route_that_visitors_take_is_probed_and_what_is_outside_never() -> None:
    assert {probe.site for probe in PROBED} == {r.component for r in ROUTES} - {"outside"}
    source = GitSource(url="https://a.org/b", fetch=None, webhooks=[("www.localhost", "/push")])
    sources = Sources(sites={"b": source}, limits=Limits(seconds=1, mib=1, files=1))
    assert probes(webhook_routes(sources), DOOR) == []


@pytest.mark.parametrize("at", ["shared.localhost", "www.localhost/shared"])
def test_files_that_the_gateway_serves_are_asked_for_as_those_of_a_container(at: str) -> None:
    by_itself, contained = (
        probes([route("shared", at, handler)], DOOR) for handler in (Files(lines=[]), None)
    )
    assert by_itself == contained != []


@pytest.mark.parametrize(
    ("site", "statuses"),
    [("moved", [301]), ("away", [302]), ("refused", [502]), ("pypi", [401])],
)
def test_the_answer_that_is_expected_comes_from_the_route(site: str, statuses: list[int]) -> None:
    (probe,) = (probe for probe in PROBED if probe.site == site)
    assert list(probe.statuses) == statuses


def test_a_site_that_has_no_content_or_no_container_is_down() -> None:
    (probe,) = (probe for probe in PROBED if probe.site == "new")
    assert 200 in probe.statuses
    assert {404, 500, 502, 503}.isdisjoint(probe.statuses)


def test_a_host_that_answers_by_both_schemes_is_asked_by_both() -> None:
    urls = {probe.url for probe in PROBED if probe.site == "welcome"}
    assert urls == {"http://welcome.localhost:8080", "https://welcome.localhost:8443"}


def test_a_site_below_a_path_is_asked_for_its_page_and_not_for_a_redirect_to_it() -> None:
    (probe,) = (probe for probe in PROBED if probe.site == "new")
    assert probe.asked == "https://proxy:8443/new/"


def test_the_order_of_routes_and_targets_changes_nothing() -> None:
    again = probes(ROUTES[::-1], DOOR)
    assert (
        prometheus_yml("homeport/local", "15s", TARGETS[::-1], again)
        == (RENDERED["prometheus.yml"])
    )


def test_a_short_interval_is_the_longest_wait_as_well() -> None:
    said = yaml.safe_load(prometheus_yml("a/b", "2s", [], []))
    assert said["global"]["scrape_timeout"] == "2s"


def test_without_receivers_nobody_is_told() -> None:
    said = yaml.safe_load(alertmanager_yml(Notify()))
    assert said["route"]["receiver"] == "nobody"
    assert said["receivers"] == [{"name": "nobody"}]


def test_what_is_secret_stands_in_files_of_its_own() -> None:
    assert alertmanager_secrets(RECEIVERS) == {
        "webhook": "https://hooks.example.org/planted-hook",
        "smtp-password": "planted-mail",
    }
    assert "planted" not in RENDERED["alertmanager.yml"]


def test_prometheus_is_behind_users_where_the_stack_says_so() -> None:
    guard = Guard(accounts={"ada": "$2b$"})
    (shut,) = prometheus_routes("prometheus.example.org", guard)
    (open_,) = prometheus_routes("prometheus.example.org", None)
    assert (shut.guard, open_.guard) == (guard, None)


# The whole program


def files_of(graph: Graph, name: str) -> dict[str, Any]:
    (resource,) = (r for r in graph.of("VolumeFiles") if r.name == name)
    return dict(resource.inputs)


def test_another_site_replaces_nothing_and_is_scraped_probed_and_alerted_on(
    tmp_path: Path,
) -> None:
    more = {"more.yaml": "hosts: [more]\nsource: {folder: sites/more}\n"}
    few, many = (
        run_main("local", an_estate(tmp_path / name, sites), services=True)
        for name, sites in (("few", SEVERAL_SITES), ("many", SEVERAL_SITES | more))
    )
    parts = ("prometheus", "alertmanager", "blackbox", "node-exporter")
    for part in parts:
        before, after = (
            next(c.inputs for c in graph.containers if c.name == part) for graph in (few, many)
        )
        assert before == after
    asked = files_of(many, "prometheus-config")["files"]["prometheus.yml"]
    assert "instance: https://more.localhost:8443" in asked
    assert "more.localhost" not in files_of(few, "prometheus-config")["files"]["prometheus.yml"]


def test_what_is_believed_over_tls_comes_from_the_issuer(tmp_path: Path) -> None:
    local = files_of(
        run_main("local", an_estate(tmp_path / "a", {}), services=True), "blackbox-config"
    )
    prod = files_of(
        run_main("prod", an_estate(tmp_path / "b", {}), services=True), "blackbox-config"
    )
    assert local["files"]["root.crt"] == "prometheus-value"
    assert "root.crt" not in prod["files"]
    own = an_estate(tmp_path / "c", {})
    pem = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    write_files(own, {"config/ca.pem": pem})
    tls = {"issuer": "letsencrypt", "directory": "https://acme.lan/dir", "root": "config/ca.pem"}
    graph = run_main("prod", own, settings={"tls": tls}, services=True)
    assert files_of(graph, "blackbox-config")["files"]["root.crt"] == pem


def test_nobody_who_watches_mounts_the_gateways_keys(graph: Graph) -> None:
    for container in graph.containers:
        if container.name not in ("proxy", "router"):
            sources = [mount["source"] for mount in container.inputs["mounts"]]
            assert f"homeport-{graph.stack}-proxy-data" not in sources, container


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_secrets_of_receivers_are_alertmanagers_alone(tmp_path: Path, stack: str) -> None:
    notify = {
        "webhook": "https://hooks.example.org/planted-hook",
        "email": {
            "server": "smtp.example.org:587",
            "from": "a@example.org",
            "to": "b@example.org",
            "user": "a",
            "password": "planted-mail",
        },
    }
    root = an_estate(tmp_path, EVERY_KIND)
    graph = run_main(stack, root, settings={"prometheus": {"notify": notify}})
    assert in_plain(graph, "planted-hook") == in_plain(graph, "planted-mail") == []
    given = files_of(graph, "alertmanager-config")
    secrets = {name: rpc.unwrap_rpc_secret(text) for name, text in given["secret_files"].items()}
    assert secrets == {"webhook": notify["webhook"], "smtp-password": "planted-mail"}
    assert given["owner"] == 1000


# The person's own files


def test_own_files_are_taken_by_name(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            "config/prometheus/scrape.yml": "scrape_configs: []\n",
            "config/prometheus/rules/mine.yml": "groups: []\n",
            "config/prometheus/rules/.hidden": "",
        },
    )
    own = read(tmp_path)
    assert own == OwnFiles(OWN, "scrape_configs: []\n", {"mine.yml": "groups: []\n"})
    assert read(tmp_path / "nothing") == OwnFiles(OWN)


def test_own_files_that_cant_be_read_are_named(tmp_path: Path) -> None:
    strays = ["rules/mine.yaml", "scrape.yaml"]
    write_files(tmp_path, {f"config/prometheus/{stray}": "" for stray in strays})
    (tmp_path / "config/prometheus/scrape.yml").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path)
    assert caught.value.problems == (
        "config/prometheus/scrape.yml: is not UTF-8 text; save it as UTF-8",
        "config/prometheus/rules/mine.yaml: must be a file that ends in .yml; rename it, or move "
        "it away",
        "config/prometheus/scrape.yaml: nothing reads this file; this folder takes scrape.yml and "
        "rules/*.yml; rename it, or move it away",
    )


# The section of the stack's file


@pytest.mark.parametrize(
    "section",
    [
        "{}",
        "{behind_users: true, interval: 5s, retention: {time: 1d, size: 500MB}}",
        "{alerts: {site: 7m, certificate: 3d}}",
        "{interval: 2m}",
        "{notify: {webhook: {secure: 'v1:a:b'}}}",
        "{notify: {email: {server: 'a:25', tls: false, from: a@b, to: c@d}}}",
    ],
)
def test_a_good_section_is_taken(section: str) -> None:
    assert parsed(section).prometheus


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{every: 5s}", ".every: there is no such field; allowed here: behind_users, interval, "
         "retention, alerts, notify"),
        ("{interval: 5}", ".interval is 5: must be text, put in quotes"),
        ("{interval: 90}", ".interval is 90: must be text, put in quotes"),
        ("{interval: 0s}", ".interval is '0s': must be a time such as 5m"),
        ("{retention: {size: 2G}}", ".retention.size is '2G': must be a size such as 2GB"),
        (
            "{alerts: {site: 1m}}",
            ".alerts.site, homeport:prometheus.alerts.gateway, homeport:prometheus.interval: site "
            "is 1m, gateway 1m, and every 15s is looked; make site 105s or more, or a dead gateway "
            "is told as many dead sites",
        ),
        (
            "{interval: 2m, alerts: {site: 10m, restarts: 5m}}",
            ".alerts.restarts: is 5m: three restarts can't be seen within it, every 2m; must be "
            "480s or more",
        ),
        ("{notify: {wait: 5}}", ".notify.wait is 5: must be text, put in quotes"),
        (
            "{notify: {email: {server: 'a:99999', from: a@b, to: c@d}}}",
            ".notify.email.server is 'a:99999': must have a port from 1 to 65535",
        ),
        ("{notify: {webhook: s3cr3t}}",
         ".notify.webhook is [secret]: must be an http or https URL"),
        (
            "{notify: {email: {server: smtp, from: a@b, to: c@d}}}",
            ".notify.email.server is 'smtp': must be host:port",
        ),
        (
            "{notify: {email: {server: 'a:25', from: a@b, to: c@d, user: x}}}",
            ".notify.email.user, homeport:prometheus.notify.email.password: only one of them is "
            "given; give both or none",
        ),
    ],
)  # fmt: skip
def test_a_bad_section_is_told_in_one_sentence(section: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(section)
    (said,) = caught.value.problems
    assert said == f"Pulumi.prod.yaml: homeport:prometheus{problem}"


@pytest.mark.parametrize(
    ("section", "after"),
    [("{}", "2m"), ("{interval: 1m}", "240s"), ("{interval: 1m, alerts: {site: 5m}}", "5m")],
)
def test_a_site_is_told_to_be_down_once_a_dead_gateway_would_be_known(
    section: str, after: str
) -> None:
    prometheus = parsed(section).prometheus
    assert prometheus
    assert prometheus.site_down_after == after


def parsed(section: str) -> Settings:
    given = {"prometheus": json.dumps(yaml.safe_load(section))}
    return Settings.parse("prod", own_config("prod") | given)
