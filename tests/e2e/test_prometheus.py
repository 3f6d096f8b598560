"""A stack that is watched, and what goes wrong with it. The tests run in this order."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator

import bcrypt
import pytest

from components.prometheus.config import reload_script
from host import engine
from tests.e2e import sites
from tests.e2e.checkout import ROOT, Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.alert_receiver import Alert
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import requires_root
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until
from tests.e2e.watched import SETTINGS, TROUBLES, Watched

# What follows doesn't depend on how the host is reached.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)

RELOAD = ["sh", "-c", reload_script("make logs NAME=prometheus")]
JOBS = {
    "gateway",
    "publisher",
    "registry",
    "vault",
    "prometheus",
    "alertmanager",
    "blackbox",
    "node",
    "probe",
}


@pytest.fixture(scope="module")
def watched(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A stack with everything that can be watched; over SSH nobody is told."""
    if place.name == "ssh":
        yield request.getfixturevalue("whole").watched
        return
    folder = tmp_path_factory.mktemp(f"watched-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"watched-{place.name}"))
    try:
        with Watched(checkout, small_disk=not requires_root()) as watched:
            yield watched
    finally:
        checkout.close()


# --- What is watched.


def test_every_part_is_scraped_and_every_url_answers(watched: Watched) -> None:
    watched.all_is_well()
    assert watched.jobs() - {"workstation"} == JOBS
    # What is outside isn't asked by the gateway here, which says so itself.
    own = {"blog", "escape", "moved", "outside", "journal", "welcome"}
    declared = {file.stem for file in (watched.checkout.folder / "config/sites").glob("*.yaml")}
    assert own <= declared
    assert set(watched.sites()) == declared | {"prometheus", "pypi", "registry", "vault"}
    statuses = {
        labels["site"]: int(value) for labels, value in watched.query("probe_http_status_code")
    }
    assert (statuses["blog"], statuses["moved"], statuses["outside"]) == (200, 301, 502)
    assert (statuses["pypi"], statuses["registry"]) == (200, 401)
    watched.checkout.pulumi("preview", "--expect-no-changes")


def test_the_page_of_prometheus_answers_at_its_host(watched: Watched) -> None:
    checkout = watched.checkout
    checkout.serves(checkout.url("prometheus") + "query", "<title>Prometheus")


@once
def test_visitors_get_what_the_page_needs_and_nothing_else(watched: Watched) -> None:
    checkout = watched.checkout
    url = checkout.url("prometheus")
    page = checkout.serves(f"{url}query", "<title>Prometheus").text
    assets = re.findall(r'"\./(assets/[^"]+)"', page)
    asked = ["api/v1/query?query=up", "api/v1/targets", "api/v1/label/__name__/values", *assets]
    assert [checkout.get(url + path).status for path in asked] == [200] * len(asked)
    kept = ["debug/pprof/", "debug/pprof/heap", "DEBUG/pprof/", "api/v1/status/config", "metrics"]
    kept += ["api/v1/status/flags", "api/v1/status/../status/config", "api//v1/status/config"]
    kept += ["api/v1/scrape_pools/config", "federate", "api/v1/admin/tsdb/snapshot", "-/quit"]
    assert [checkout.get(url + path).status for path in kept] == [404] * len(kept)
    of_another = checkout.get(
        f"{url}api/v1/query?query=up", headers={"Origin": "https://a.example"}
    )
    assert "access-control-allow-origin" not in of_another.headers


@once
def test_a_target_outside_docker_is_scraped(watched: Watched) -> None:
    wait_until(
        lambda: [value for _, value in watched.query("e2e_outside_docker")] == [7.0],
        "the target of this machine is scraped",
    )


def test_the_gateways_figures_are_told_by_host(watched: Watched) -> None:
    def served() -> float:
        count = 'caddy_http_request_duration_seconds_count{job="gateway", host="blog.localhost"}'
        return sum(value for _, value in watched.query(count))

    # As a browser asks, with the port beside the host, and more often than what watches.
    before = served()
    for _ in range(100):
        watched.checkout.serves(watched.checkout.url("blog"), "marker-of-blog")
    wait_until(lambda: served() > before + 99, "visitors' requests are counted", seconds=10)


@once
def test_no_site_can_read_the_gateways_figures(watched: Watched) -> None:
    addresses = [
        network["IPAddress"]
        for name in ("proxy", "router")
        for network in watched.container(name).attrs["NetworkSettings"]["Networks"].values()
    ]
    urls = [
        f"http://{at}:{port}/metrics"
        for at in (*addresses, "proxy", "router")
        for port in (2021, 2023)
    ]
    ask = " || ".join(f"timeout 1 wget -q -O - {url}" for url in urls)
    said = containers.run_in(watched.container("escape"), f"{ask} || echo nothing")
    assert said == "nothing\n"
    # And who stands among services can, so the question is the right one.
    said = containers.run_in(watched.container("blackbox"), f"{ask} || echo nothing")
    assert "process_start_time_seconds" in said


def test_every_query_of_the_documents_is_answered(watched: Watched) -> None:
    page = (ROOT / "docs/how-to/monitoring.md").read_text().partition("## Useful queries")[2]
    queries = re.findall(r"^\| .*\| `(.*)` \|$", page, re.MULTILINE)
    assert len(queries) > 10
    unanswered = [query for query in queries if not watched.query(query.replace("\\|", "|"))]
    # Nothing is down, and nothing is served with an error.
    assert all("== 0" in query or "5.." in query for query in unanswered), unanswered


# --- What goes wrong, all at once: who is told what.


@pytest.fixture(scope="module")
def provoked(watched: Watched) -> None:
    watched.all_is_well()
    for trouble in watched.troubles.values():
        trouble.provoke(watched)


@once
@pytest.mark.parametrize("name", TROUBLES)
@pytest.mark.usefixtures("provoked")
def test_an_alert_arrives(watched: Watched, name: str) -> None:
    _arrives(watched, name, "firing")


def _arrives(watched: Watched, name: str, status: str, *, since: int = 0) -> Alert:
    """Wait until an alert with the labels of this trouble, or this stack's alone, arrived."""
    labels = {"stack": watched.checkout.label}
    if name in TROUBLES:
        if name not in watched.troubles:
            pytest.skip(requires_root())
        labels |= TROUBLES[name].labels
    receiver = watched.receiver

    def arrived() -> list[Alert]:
        return [
            alert
            for alert in receiver.alerts(name, status, since=since)
            if labels.items() <= alert["labels"].items()
        ]

    wait_until(arrived, f"{name} arrives as {status}")
    assert arrived()[0]["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    return arrived()[0]


@once
@pytest.mark.usefixtures("provoked")
def test_alerts_are_mailed_with_the_password(watched: Watched) -> None:
    receiver = watched.receiver
    wait_until(
        lambda: any("SiteDown" in mail and "ada@example.org" in mail for mail in receiver.mails),
        "a mail tells of the site",
    )
    assert receiver.passwords == {watched.secrets["prometheus.notify.email.password"]}


# --- A site comes and goes.


@once
def test_a_new_site_is_scraped_and_probed_after_one_update(watched: Watched) -> None:
    checkout = watched.checkout
    for trouble in watched.troubles.values():
        trouble.mend(watched)
    sites.page(checkout, "more", "marker-of-more")
    alerts = {key: time for key, time in SETTINGS["alerts"].items() if key != "certificate"}
    watched.configure(alerts=alerts)
    watched.apply()
    wait_until(lambda: watched.sites().get("more") == 1.0, "the new site is probed")


@once
@pytest.mark.parametrize("name", TROUBLES)
def test_an_alert_resolves(watched: Watched, name: str) -> None:
    _arrives(watched, name, "resolved")


@once
def test_a_new_site_is_alerted_on(watched: Watched) -> None:
    receiver = watched.receiver
    watched.container("more").stop(timeout=1)
    wait_until(
        lambda: {a["labels"]["site"] for a in receiver.alerts("SiteDown", "firing")} >= {"more"},
        "the new site's alert arrives",
    )


@once
def test_own_rules_are_taken_without_a_restart_and_a_removed_site_leaves_nothing(
    watched: Watched,
) -> None:
    checkout = watched.checkout
    removed = checkout.folder / "config/sites/more.yaml"
    removed.unlink(missing_ok=True)  # over SSH there was none
    rule = "groups:\n- name: mine\n  rules:\n  - alert: Mine\n    expr: vector(1)\n"
    sites.write(checkout, "config/prometheus/rules/mine.yml", rule)
    before = watched.container("prometheus").id
    watched.apply()
    assert watched.container("prometheus").id == before
    wait_until(lambda: watched.query('ALERTS{alertname="Mine"}'), "the own rule is evaluated")
    (checkout.folder / "config/prometheus/rules/mine.yml").unlink()
    url = f"https://more.localhost:{checkout.https}"
    wait_until(lambda: url not in watched.targets(), "it isn't scraped any more")
    wait_until(lambda: "more" not in watched.sites(), "its series have ended")
    wait_until(lambda: not watched.query('ALERTS{site="more"}'), "it isn't alerted on any more")


# --- The gateway.


@once
def test_a_gateway_that_hangs_is_one_message(watched: Watched) -> None:
    receiver = watched.receiver
    watched.all_is_well()
    wait_until(lambda: not watched.query('ALERTS{alertname!="Mine"}'), "all is quiet")
    time.sleep(2)  # for what is still on its way
    since = len(receiver.messages)
    containers.signal_service(watched.container("proxy"), "STOP")
    alert = _arrives(watched, "GatewayDown", "firing", since=since)
    assert alert["labels"]["job"] == "gateway"
    assert alert["labels"]["severity"] == "critical"
    # The health check ends it, and it comes back.
    _arrives(watched, "GatewayDown", "resolved", since=since)
    watched.all_is_well()
    told = [message for message in receiver.messages[since:] if "Mine" not in message["groupKey"]]
    names = {alert["labels"]["alertname"] for message in told for alert in message["alerts"]}
    assert names == {"GatewayDown"}, "no site is told to be down"
    assert len({message["groupKey"] for message in told}) == 1, "proxy and router are told as one"


@once
def test_a_gateway_that_crashes_again_and_again_is_told(watched: Watched) -> None:
    receiver = watched.receiver
    since = len(receiver.messages)
    for _ in range(3):
        watched.restart_router()
    alert = _arrives(watched, "GatewayRestarting", "firing", since=since)
    assert alert["labels"]["job"] == "gateway"
    assert alert["labels"]["instance"] == "proxy:2023"


# --- What a person adds.


@once
@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "rules/mine.yml",
            "groups:\n- name: mine\n  rules:\n  - alert: Mine\n    expr: up ==\n",
            "config/prometheus/rules/mine.yml: 5:11: ",
        ),
        (
            "scrape.yml",
            "scrape_configs:\n- job_name: node\n  static_configs:\n  - targets: [a:1]\n",
            '"config/prometheus/scrape.yml": found multiple scrape configs with job name "node"',
        ),
    ],
)
def test_a_bad_file_stops_in_preview(watched: Watched, file: str, text: str, said: str) -> None:
    checkout = watched.checkout
    path = checkout.folder / "config/prometheus" / file
    before = path.read_text() if path.exists() else None
    ids = checkout.ids()
    sites.write(checkout, f"config/prometheus/{file}", text)
    try:
        done = checkout.pulumi("preview", check=False)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout
    assert checkout.ids() == ids


@once
def test_files_that_prometheus_refuses_are_told_by_the_reload(watched: Watched) -> None:
    prometheus = watched.container("prometheus")
    assert engine.run_in(prometheus, RELOAD).code == 0
    volume = containers.volume_at(prometheus, "/config")
    file = "/volume/current/prometheus.yml"

    def by_hand(script: str) -> None:
        checkout = watched.checkout
        checkout.docker.containers.run(
            checkout.image("prometheus"), ["-c", script], entrypoint="sh", user="0:0",
            volumes={volume: {"bind": "/volume"}}, labels=containers.of_this_run(), remove=True,
        )  # fmt: skip

    by_hand(f"cp {file} /volume/kept; echo 'no: such' >>{file}")
    try:
        refused = engine.run_in(prometheus, RELOAD)
        assert refused.code == 1
        assert "make logs NAME=prometheus" in refused.said
    finally:
        by_hand(f"cat /volume/kept >{file}; rm /volume/kept")
    assert engine.run_in(prometheus, RELOAD).code == 0


@once
def test_restarts_are_over_once_they_are_long_ago(watched: Watched) -> None:
    _arrives(watched, "GatewayRestarting", "resolved")


# --- Passwords, data, secrets.


@once
def test_users_alone_see_prometheus_where_the_stack_says_so_and_secrets_nobody(
    watched: Watched,
) -> None:
    checkout, receiver = watched.checkout, watched.receiver
    password = secrets.token_hex(12)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(11)).decode()
    checkout.set_secrets({"users.ada.hash": hashed})
    # Another password, so that the files with secrets are written while somebody looks on.
    mail = {"prometheus.notify.email.password": f"mail-{secrets.token_hex(12)}"}
    watched.secrets |= mail
    checkout.set_secrets(mail)
    markers = {
        "the webhook": receiver.path,
        "the mail password": watched.secrets["prometheus.notify.email.password"],
    }
    with LeakSearch(markers) as search:
        watched.configure(behind_users=True)
        watched.up()
    search.assert_absent(
        state=checkout.pulumi("stack", "export").stdout,
        texts={
            "engine log": watched.log,
            "the configuration that Prometheus shows": json.dumps(watched.asked("status/config")),
        },
        clients=[checkout.docker],
        stack=checkout.label,
        files=[checkout.folder / f"Pulumi.{checkout.stack}.yaml"],
    )
    url = checkout.url("prometheus") + "query"
    assert checkout.get(url).status == 401

    def shown_to(login: str) -> str:
        curl = ["curl", "--silent", "--cacert", str(checkout.ca), "--user", login, "--resolve",
                f"prometheus.localhost:{checkout.https}:{checkout.place.address}", url]  # fmt: skip
        return subprocess.run(curl, check=True, capture_output=True, text=True).stdout

    assert "<title>Prometheus" in shown_to(f"ada:{password}")
    assert "<title>Prometheus" not in shown_to("ada:another")
    wait_until(lambda: watched.sites()["prometheus"] == 1.0, "401 is what is expected there")


@once
def test_data_is_kept_over_destroy_and_up(watched: Watched) -> None:
    then = time.time() - 10
    known = watched.query(f"count({{__name__=~'.+'}} @ {then})")
    oldest = watched.query("prometheus_tsdb_lowest_timestamp_seconds")[0][1]
    watched.leave_alone()
    (watched.checkout.folder / "config/sites/journal.yaml").unlink()  # its repository is gone
    watched.checkout.command("down")
    watched.apply()
    assert watched.query(f"count({{__name__=~'.+'}} @ {then})")[0][1] == known[0][1]
    wait_until(
        lambda: watched.query("prometheus_tsdb_lowest_timestamp_seconds")[0][1] == oldest,
        "the oldest sample is the same",
    )
