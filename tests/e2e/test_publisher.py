"""Sites that follow git, from a push to its page. The tests run in this order."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.e2e import sites
from tests.e2e.following import EXAMPLES, HOOKED, Following, announcement, page
from tests.e2e.support import containers, git_server
from tests.e2e.support.second_host import requires_root
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until
from tests.e2e.support.webhook import as_form, push_of

# What follows doesn't depend on how the host is reached.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)

IN_TIME = 15
"""Seconds from a push to its page, of a site that looks every five seconds: less than the
twenty that a silent remote takes."""


# --- The six real sites, from the project's own stand-ins for their repositories.


@pytest.mark.parametrize("location", EXAMPLES)
def test_each_real_site_answers_its_own_page(following: Following, location: str) -> None:
    host, _, path = location.partition("/")
    # At once: `make up` has waited for the first content.
    following.checkout.serves(following.checkout.url(host) + path, EXAMPLES[location])


def test_a_real_site_runs_php_and_another_lists_its_folder(following: Following) -> None:
    checkout = following.checkout
    made = checkout.get(checkout.url("www.evanguelard.fr")).text
    assert re.search(r"PHP \d+\.\d+\.\d+ has made it", made)
    checkout.serves(checkout.url("kestrel.brendanabolivier.com"), "notes.txt")


def test_a_page_for_what_is_not_there_comes_from_the_repository(following: Following) -> None:
    for path in ("nothing", "nothing.php", "404/nothing/"):
        answer = following.checkout.get(following.checkout.url("www.evanguelard.fr") + path)
        assert (answer.status, "evan-404-marker-71de" in answer.text) == (404, True), path


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("www.brendanabolivier.com", ".git/HEAD"),
        ("www.brendanabolivier.com", "new/.git/HEAD"),
        ("design.evanguelard.fr", "README.md"),  # it stands above the folder that is published
        ("design.evanguelard.fr", "design/design/index.html"),
    ],
)
def test_nothing_but_the_sources_files_is_published(
    following: Following, host: str, path: str
) -> None:
    assert following.checkout.get(following.checkout.url(host) + path).status == 404


# --- A push, and what announces it.


def test_a_push_and_its_webhook_show_the_new_page(following: Following) -> None:
    following.shows("journal", "first-of-journal")
    commit = following.push("journal", "second-of-journal")
    following.announce("journal")
    following.shows("journal", "second-of-journal")
    assert following.publications("journal") == 2
    assert commit[:12] in following.log()


@once
def test_no_request_fails_while_pushes_are_published(following: Following) -> None:
    checkout = following.checkout
    with checkout.load("journal", marker="of-journal") as load:
        for number in range(4):
            following.push("journal", f"number-{number}-of-journal")
            following.announce("journal")
            following.shows("journal", f"number-{number}-of-journal")
    load.check()


@once
def test_a_push_that_nobody_announces_is_found_within_the_interval(following: Following) -> None:
    following.push("live", "found-on-live")
    following.shows("live", "found-on-live", seconds=IN_TIME)


@once
def test_a_webhook_that_does_not_fit_publishes_nothing(following: Following) -> None:
    before = following.publications("journal")
    following.push("journal", "unannounced-of-journal")
    ours = announcement("journal")
    with following.webhook("journal", secret="another-secret") as wrong:
        wrong.send(ours)
    with following.webhook("journal") as right:
        right.send(push_of(f"{git_server.URL}another"))
        right.send(push_of(f"{git_server.URL}journal", branch="another"))
        # The other site's branch, signed with this site's secret.
        right.send(announcement("journal_old"))
    # One that fits, so that whatever the others may have begun has had its time.
    following.push("journal_old", "announced-of-journal_old")
    following.announce("journal_old")
    following.shows("journal_old", "announced-of-journal_old")
    assert following.publications("journal") == before
    assert "unannounced" not in following.checkout.get(following.url("journal")).text
    following.announce("journal")
    following.shows("journal", "unannounced-of-journal")


@once
def test_a_webhook_answers_as_github_expects(following: Following) -> None:
    ours = announcement("journal")
    with following.webhook("journal") as right:
        assert right.send(b"{}", event="ping").status_code == 200
        assert right.send(b"{}", event="issues").status_code == 202
        assert right.send(b"not JSON").status_code == 400
        assert right.send(b" " * 6 * 1024 * 1024).status_code == 413
        form = right.send(as_form(ours), media_type="application/x-www-form-urlencoded")
        assert form.status_code == 202
        assert right.send(ours).status_code == right.send(ours).status_code == 202, "a replay"
    wrongly = following.webhook("journal", secret="another-secret")
    with wrongly, following.webhook("journal", signed=False) as unsigned:
        for answer in (wrongly.send(ours), unsigned.send(ours)):
            assert (answer.status_code, answer.content) == (403, b"")
    with following.webhook("journal") as right, following.webhook("journal", secret="x") as wrong:
        journal = f"{git_server.URL}journal"
        assert right.send_as_gitlab(journal).text == "journal\n"
        assert wrong.send_as_gitlab(journal).status_code == 403
    with following.webhook("journal", path="elsewhere") as elsewhere:
        assert elsewhere.send(ours).status_code == 404


@once
def test_a_burst_of_webhooks_publishes_each_site_once(following: Following) -> None:
    before = {name: following.publications(name) for name in HOOKED}
    started = following.publisher.attrs["State"]["StartedAt"]
    for name in HOOKED:
        following.push(name, f"burst-of-{name}")
    service = psutil.Process(following.publisher.attrs["State"]["Pid"])
    most_processes = most_memory = 0
    with (
        following.webhook("journal") as journal,
        following.webhook("journal_old") as journal_old,
        ThreadPoolExecutor(16) as visitors,
    ):
        sent = [
            visitors.submit(hook.send, body)
            for hook, body in [
                (journal, announcement("journal")),
                (journal_old, announcement("journal_old")),
            ]
            * 100
        ]
        while not all(answer.done() for answer in sent):
            running = [service, *service.children(recursive=True)]
            most_processes = max(most_processes, len(running))
            most_memory = max(most_memory, sum(_memory(process) for process in running))
            time.sleep(0.02)
    assert {answer.result().status_code for answer in sent} == {202}
    for name in HOOKED:
        following.shows(name, f"burst-of-{name}")
    assert {name: following.publications(name) - before[name] for name in HOOKED} == {
        "journal": 1,
        "journal_old": 1,
    }
    assert most_processes < 30
    assert most_memory < 256 * 1024 * 1024
    assert following.publisher.attrs["State"]["StartedAt"] == started


@once
def test_the_publisher_counts_what_it_does(following: Following) -> None:
    assert following.ask_publisher("/healthz") is not None
    commit = following.push("live", "counted-on-live")
    following.shows("live", "counted-on-live")
    labels, value = following.metric("publisher_commit_info", "live") or ({}, 0)
    assert (labels["commit"][:12], value) == (commit[:12], 1)
    for name, least, most in [
        ("publisher_last_success_timestamp_seconds", time.time() - 120, time.time() + 5),
        ("publisher_last_attempt_timestamp_seconds", time.time() - 120, time.time() + 5),
        ("publisher_duration_seconds", 0.001, 60),
        ("publisher_bytes", len("counted-on-live"), 200),
    ]:
        _, value = following.metric(name, "live") or ({}, -1)
        assert least <= value <= most, name


# --- Remotes that fail, each beside others that don't.


@once
def test_remotes_that_fail_hold_back_nobody(following: Following) -> None:
    git = following.git
    git.fault("silent", "silent")
    git.delete("deleted")
    git.push("huge", page("second-of-huge"), script="head -c 20M /dev/urandom >big")
    git.push("rewritten", page("second-of-rewritten"), anew=True)
    many = "mkdir many; seq 20000 | split -l 1 -a 5 -d - many/"
    git.push("many", page("second-of-many"), script=many)
    links = "ln -s /etc/passwd passwd; ln -s ../../../x up; ln -s index.html within.html"
    git.push("linked", page("second-of-linked"), script=links)
    for number in range(4):
        following.push("live", f"meanwhile-{number}")
        following.shows("live", f"meanwhile-{number}", seconds=IN_TIME)


@once
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("silent", "the server (sent nothing|didn't answer)"),
        ("deleted", r"the repository doesn't exist or isn't public \(404\)"),
        ("huge", "8 MiB, the limit in sources.limits.mib"),
    ],
)
def test_what_can_not_be_fetched_keeps_its_last_page_and_says_why(
    following: Following, name: str, reason: str
) -> None:
    following.says(f"{name}: .*{reason}")
    following.checkout.serves(following.url(name), f"first-of-{name}")
    _, failures = following.metric("publisher_failures_total", name) or ({}, 0)
    assert failures >= 1


@once
def test_what_came_back_is_published_again(following: Following) -> None:
    following.git.push("deleted", page("back-again"))
    following.shows("deleted", "back-again")


@once
def test_another_history_replaces_the_one_before(following: Following) -> None:
    following.shows("rewritten", "second-of-rewritten")


@once
def test_many_files_are_published(following: Following) -> None:
    following.shows("many", "second-of-many")
    answer = following.checkout.get(following.url("many") + "many/19999")
    assert (answer.status, answer.text) == (200, "20000\n")


@once
def test_a_link_that_leaves_the_tree_is_not_published(following: Following) -> None:
    following.shows("linked", "second-of-linked")
    checkout, url = following.checkout, following.url("linked")
    checkout.serves(f"{url}within.html", "second-of-linked")
    for path in ("passwd", "up"):
        assert checkout.get(url + path).status == 404
    following.says("linked: .*passwd")


# --- What interrupts the publisher itself.


@once
def test_killed_in_the_middle_of_a_fetch_it_serves_and_goes_on(following: Following) -> None:
    git, checkout = following.git, following.checkout
    before = checkout.get(following.url("journal"))
    git.fault("journal", "held")
    following.push("journal", "after-the-kill-of-journal")
    following.announce("journal")
    holding = "/repositories/journal/e2e-holding"
    wait_until(lambda: git.run(f"ls {holding}"), "a fetch stands in its middle")
    container = following.publisher
    restarts = container.attrs["RestartCount"]
    containers.signal_service(container, "KILL")

    def restarted() -> bool:
        container.reload()
        return bool(container.attrs["RestartCount"] == restarts + 1)

    wait_until(restarted, "Docker has started it again")
    assert checkout.get(following.url("journal")).body == before.body
    git.heal("journal", "held")
    following.shows("journal", "after-the-kill-of-journal")


@once
@pytest.mark.skipif(requires_root() != "", reason=requires_root() or "root can")
def test_a_full_disk_is_told_and_costs_nothing_that_is_served(following: Following) -> None:
    assert following.disk
    before = following.checkout.get(following.url("live"))
    following.disk.fill()
    try:
        following.push("live", "after-the-full-disk")
        following.says("live: .*the host's disk is full")
        assert following.checkout.get(following.url("live")).body == before.body
    finally:
        following.disk.free()
    following.shows("live", "after-the-full-disk")


@once
def test_a_webhook_during_a_replacement_is_not_lost(following: Following) -> None:
    checkout, old = following.checkout, following.publisher.id
    resources = checkout.state()["deployment"]["resources"]
    (urn,) = [resource["urn"] for resource in resources if resource.get("id") == old]
    with ThreadPoolExecutor(9) as beside, following.webhook("journal") as webhook:
        replacing = beside.submit(
            checkout.pulumi, "up", "--yes", "--skip-preview", "--replace", urn
        )

        def announce_meanwhile() -> set[int]:
            answers = set()
            while not replacing.done():
                answers.add(webhook.send(announcement("journal")).status_code)
            return answers

        # So many that some are under way when the old one stops.
        announcing = [beside.submit(announce_meanwhile) for _ in range(8)]
        wait_until(lambda: old not in checkout.ids(), "the old publisher is gone", every=0.05)
        following.push("journal", "announced-in-between-of-journal")
        for answers in announcing:
            assert answers.result() == {202}
        replacing.result()
    following.shows("journal", "announced-in-between-of-journal")


@once
def test_another_site_replaces_nothing_and_no_secret_appears(following: Following) -> None:
    checkout = following.checkout
    before = checkout.ids()
    with LeakSearch(following.secrets) as search:
        following.push("private", "second-of-private")
        following.shows("private", "second-of-private")
        with following.webhook("journal", secret="wrong") as wrong:
            wrong.send(announcement("journal"))
        following.announce("journal")
        following.git.push("added", page("first-of-added"))
        source = f"{{git: {git_server.URL}added, every: 5s}}"
        checkout.write_site("added", f"hosts: [added]\nsource: {source}\n")
        following.up()
        following.shows("added", "first-of-added", seconds=IN_TIME)
        metrics = following.ask_publisher("/metrics")
    assert checkout.ids() == before
    search.assert_absent(
        state=checkout.pulumi("stack", "export").stdout,
        texts={"engine log": following.told, "metrics": metrics},
        clients=[checkout.docker],
        stack=checkout.label,
        files=[checkout.folder / f"Pulumi.{checkout.stack}.yaml"],
    )


@once
def test_a_site_goes_from_git_to_a_folder_and_back_without_a_failed_request(
    following: Following,
) -> None:
    checkout = following.checkout
    with checkout.load("added", marker="of-added") as load:
        sites.page(checkout, "added", "folder-of-added", hosting="shared")
        following.apply()
        following.shows("added", "folder-of-added")
        following.git.fault("added", "token", "nobody's")
        source = f"{{git: {git_server.URL}added, every: 5s}}"
        checkout.write_site("added", f"hosts: [added]\nsource: {source}\n")
        following.apply()
        following.shows("added", "folder-of-added")
        following.git.heal("added", "token")
        following.shows("added", "first-of-added", seconds=IN_TIME)
    load.check()


# Over SSH the stack is the whole one, of which test_vault.py asks the same.
@once
def test_the_stack_settles(following: Following) -> None:
    following.checkout.assert_changes_nothing()


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
