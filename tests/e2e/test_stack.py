"""A stack from nothing to destroyed, over the socket and over SSH. The tests run in this order."""

from __future__ import annotations

import json
import re

import pytest
from docker.models.containers import Container

from tests.e2e.checkout import WELCOME_MARKER, Checkout
from tests.e2e.console_browser import Browser
from tests.e2e.support import containers
from tests.e2e.support.client import Http, refusal
from tests.e2e.support.waiting import wait_until

# What was removed or broken on a host over SSH is shown and mended in test_remote.py.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)

PAGE = "<!doctype html><title>blog</title><p>blog-marker-71c2"


def test_the_first_up_serves_and_lists_its_urls(checkout: Checkout) -> None:
    (checkout.folder / "sites/blog").mkdir()
    (checkout.folder / "sites/blog/index.html").write_text(PAGE)
    checkout.write_site(
        "blog", "hosts: [blog, www.example.org]\nsource: {folder: sites/blog}\nhosting: container\n"
    )
    output = checkout.up().stdout
    assert f"http://welcome.localhost:{checkout.http}" in output
    assert f"https://www.example.org.localhost:{checkout.https}" in output
    assert checkout.ca.read_text() in checkout.command("ca").stdout
    checkout.serves(checkout.url("welcome", scheme="http"), WELCOME_MARKER)


@pytest.mark.parametrize("http", ["1.1", "2", "3"])
def test_a_page_answers_over_verified_tls_in_every_http_version(
    checkout: Checkout, http: Http
) -> None:
    answer = checkout.serves(checkout.url("blog"), "blog-marker-71c2", http=http)
    assert answer.http == f"HTTP/{http}"
    if http != "3":
        assert f'h3=":{checkout.https}"' in answer.headers["alt-svc"]


# Docker's proxy for ports of this machine hides who asks.
@pytest.mark.parametrize("place", ["ssh"], indirect=True)
@pytest.mark.parametrize("http", ["1.1", "2", "3"])
def test_the_access_log_has_the_visitors_own_address(checkout: Checkout, http: Http) -> None:
    checkout.get(f"{checkout.url('blog')}?asked-over={http}", http=http)
    log = containers.access_log(containers.one(checkout.docker, checkout.label, "router"))
    (line,) = [line for line in log.splitlines() if f"asked-over={http}" in line]
    ours = checkout.place.address.rpartition(".")[0] + ".1"  # the other end of the cable
    assert json.loads(line)["request"]["client_ip"] == ours


def test_plain_http_redirects_to_https_at_the_public_port(checkout: Checkout) -> None:
    answer = checkout.get(checkout.url("blog", scheme="http") + "a/b?c=d")
    assert answer.status == 308
    assert answer.headers["location"] == checkout.url("blog") + "a/b?c=d"


def test_what_nobody_declared_is_refused(checkout: Checkout) -> None:
    at = (checkout.place.address, checkout.https)
    assert "ALERT" in refusal("nobody.localhost", address=at)
    assert "ALERT" in refusal(None, address=at)
    answer = checkout.get(checkout.url("nobody", scheme="http"))
    assert (answer.status, answer.body) == (421, b"")


def test_the_welcome_page_knows_all_urls(checkout: Checkout) -> None:
    listed = checkout.get(checkout.url("welcome", scheme="http") + "stack.json").text
    assert {url["name"] for url in json.loads(listed)["urls"]} == {"welcome", "blog"}


def test_a_second_up_changes_nothing(checkout: Checkout) -> None:
    checkout.assert_changes_nothing()


def test_nothing_but_the_gateway_publishes_a_port(checkout: Checkout) -> None:
    published = {
        (container.labels[containers.COMPONENT], port): entries
        for container in containers.all_of(checkout.docker, checkout.label)
        for port, entries in container.ports.items()
        if entries
    }
    assert set(published) == {
        ("proxy", f"{checkout.http}/tcp"),
        ("proxy", f"{checkout.https}/tcp"),
        ("router", f"{checkout.https}/udp"),
    }
    addresses = {entry["HostIp"] for entries in published.values() for entry in entries}
    assert addresses == {checkout.place.address}


def test_a_changed_page_is_live_without_replacing_anything(checkout: Checkout) -> None:
    before = checkout.ids()
    (checkout.folder / "sites/blog/index.html").write_text(PAGE.replace("71c2", "9e44"))
    checkout.apply()
    checkout.serves(checkout.url("blog"), "blog-marker-9e44")
    assert checkout.ids() == before


@once
def test_what_was_edited_lost_or_stopped_on_the_host_is_shown_and_mended(
    checkout: Checkout,
) -> None:
    router, blog = (containers.one(checkout.docker, checkout.label, c) for c in ("router", "blog"))
    files, pages = containers.volume_at(router, "/etc/caddy"), containers.volume_at(blog, "/srv")
    _in_volume(checkout, files, "chmod u+w current/Caddyfile; echo '# by hand' >>current/Caddyfile")
    blog.remove(force=True)
    checkout.docker.volumes.get(pages).remove()
    for container in containers.all_of(checkout.docker, checkout.label):
        container.stop(timeout=1)
    shown = checkout.pulumi("refresh", "--preview-only", "--diff").stdout
    assert re.search(r"\+ # by hand", shown)
    lost = r"Volume: \(delete\)\s+\[id=[^\]]*\]\s+\[urn=[^\]]*::blog-content\]"
    assert re.search(lost, shown), shown
    checkout.up()
    assert "by hand" not in _in_volume(checkout, files, "cat current/Caddyfile")
    checkout.serves(checkout.url("blog"), "blog-marker-9e44")
    checkout.serves(checkout.url("welcome", scheme="http"), WELCOME_MARKER)
    checkout.pulumi("refresh", "--preview-only", "--expect-no-changes")


# Over the socket: test_console.py.
@pytest.mark.parametrize("place", ["ssh"], indirect=True)
def test_the_console_publishes_a_site_to_a_host_over_ssh(checkout: Checkout) -> None:
    folder = checkout.folder / "sites/pasted"
    folder.mkdir()
    (folder / "index.html").write_text("<p>marker-of-pasted</p>")
    with Browser(checkout) as browser:
        preview = browser.preview("hosts: [pasted]\nsource: {folder: sites/pasted}\n")
        assert browser.is_well(preview), browser.page(preview)
        assert checkout.refusal("pasted"), "a preview puts nothing live"
        browser.publish(preview)
        checkout.serves(checkout.url("pasted"), "marker-of-pasted")
        assert browser.git("log", "-1", "--format=%s") == "Add the site pasted\n"
        wait_until(lambda: '<span class="mark well">healthy' in browser.page("/"), "its health")
        answers = browser.page("/sites/pasted/answers")
        assert '<span class="mark well">200</span>' in answers, answers


def test_down_keeps_data(checkout: Checkout) -> None:
    volume = f"homeport-{checkout.stack}-proxy-data"
    checkout.command("status")
    before = containers.volume_digests(checkout.docker, checkout.label)[volume]
    checkout.command("down")
    content = f"homeport-{checkout.stack}-content"
    kept = [f"volume {each}" for each in (content, volume)]
    assert containers.leftovers(checkout.docker, checkout.label) == kept
    assert containers.volume_digests(checkout.docker, checkout.label)[volume] == before


def test_an_update_killed_while_it_creates_containers_is_mended_and_finds_the_data(
    checkout: Checkout,
) -> None:
    ca = checkout.ca.read_text()
    checkout.killed_up(when=lambda: _that_stay(checkout))
    assert _that_stay(checkout), "nothing was left to mend"
    output = checkout.up().stdout
    assert "removed the lock of" in output
    assert checkout.ca.read_text() == ca
    known = {resource.get("id") for resource in checkout.state()["deployment"]["resources"]}
    networks = checkout.docker.networks.list(filters=containers.labelled(checkout.label))
    assert {network.id for network in networks} <= known
    assert checkout.ids() <= known
    for component in ("proxy", "router", "blog"):
        containers.one(checkout.docker, checkout.label, component)
    checkout.serves(checkout.url("blog"), "blog-marker-9e44")


def test_another_state_under_the_same_name_stops_before_any_change(
    checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second") / "checkout"
    second = Checkout(folder, checkout.place, checkout.stack)
    before = checkout.ids()
    for command in ("up", "down"):
        done = second.command(command, check=False)
        assert done.returncode == 1
        assert "was made from another state" in done.stdout
        assert checkout.ids() == before


def test_purge_lists_and_deletes_what_down_left(checkout: Checkout) -> None:
    refused = checkout.command("purge", check=False)
    assert refused.returncode == 1
    assert "make down" in refused.stdout
    checkout.command("down")
    output = checkout.command("purge").stdout
    assert f"deleted homeport-{checkout.stack}-proxy-data" in output
    assert containers.leftovers(checkout.docker, checkout.label) == []


def _that_stay(checkout: Checkout) -> list[Container]:
    """The stack's containers but those that write files, and end."""
    there = containers.all_of(checkout.docker, checkout.label)
    return [each for each in there if containers.THROWAWAY not in each.labels]


def _in_volume(checkout: Checkout, volume: str, script: str) -> str:
    output: bytes = checkout.docker.containers.run(
        "caddy:2.11.7",
        ["-c", f"cd /volume && {script}"],
        entrypoint="sh",
        user="0:0",
        network_mode="none",
        volumes={volume: {"bind": "/volume", "mode": "rw"}},
        remove=True,
    )
    return output.decode()
