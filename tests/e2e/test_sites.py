"""Every kind of site: what visitors get of it."""

from __future__ import annotations

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.refused import assert_names, refused_preview
from tests.e2e.sites import HOSTINGS
from tests.e2e.support import containers

# What follows is the gateway's, which is the same however the host is reached. Over SSH the files
# and the questions about the host's folders take another way.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)


def test_content_answers_its_marker(estate: Checkout) -> None:
    estate.serves(estate.url("alpha"), "marker-of-alpha")
    estate.serves(estate.url("photos"), "marker-of-photos")
    answer = estate.serves(estate.url("program"), "marker-of-program PHP/8")
    assert answer.text.endswith("HTTPS=on")


def test_a_missing_folder_of_the_host_stops_in_preview_and_is_not_made(estate: Checkout) -> None:
    site = {"bad": "hosts: [bad]\nsource: {host_folder: /nowhere/on/this/host}\n"}
    assert_names(refused_preview(estate, site), "bad", None, "/nowhere/on/this/host")
    assert_names(refused_preview(estate, site), "bad", None, "no such folder")  # still not there


def test_a_listing_and_a_page_for_what_is_not_there(estate: Checkout) -> None:
    estate.serves(estate.url("photos") + "album/", "holiday.txt")
    answer = estate.get(estate.url("alpha") + "nothing/here")
    assert (answer.status, "marker-of-404" in answer.text) == (404, True)
    for path in ("nothing.php", "nothing"):
        answer = estate.get(estate.url("program") + path)
        assert (answer.status, "marker-of-404" in answer.text) == (404, True)


@once
def test_a_list_of_nothing_is_no_answer(estate: Checkout) -> None:
    """Else nobody would be told of a folder whose disk is gone."""
    answer = estate.get(estate.url("hollow"))
    assert (answer.status, "no content yet" in answer.text) == (503, True)
    assert answer.headers["retry-after"] == "60"


@once
@pytest.mark.parametrize(
    ("name", "asked", "status", "location"),
    [
        ("moved", "a/b?c=d", 301, "https://elsewhere.example.net/base/a/b?c=d"),
        ("moved-for-now", "a", 302, "https://elsewhere.example.net/landing"),
        ("moved-here", "a", 301, "https://alpha.localhost:{https}/a"),
    ],
)
def test_a_redirect_has_its_exact_location(
    estate: Checkout, name: str, asked: str, status: int, location: str
) -> None:
    answer = estate.get(estate.url(name) + asked)
    assert answer.status == status
    assert answer.headers["location"] == location.format(https=estate.https)


@once
@pytest.mark.parametrize(
    ("path", "marker"),
    [
        ("new", "marker-of-new"),
        ("new/", "marker-of-new"),
        ("new/deep/", "marker-of-new-deep"),
        ("newsletter/", "marker-of-newsletter"),
        ("news/", "marker-of-news"),
        ("", "marker-of-alpha"),
    ],
)
def test_a_path_belongs_to_the_longest_that_fits_and_to_no_look_alike(
    estate: Checkout, path: str, marker: str
) -> None:
    answer = estate.get(estate.url("alpha") + path)
    if answer.status in (301, 308):  # a folder without its slash
        answer = estate.get(estate.url("alpha") + path + "/")
    assert (answer.status, marker in answer.text) == (200, True)


@once
def test_the_island_contacts_no_upstream_outside(estate: Checkout) -> None:
    answer = estate.get(estate.url("outside"))
    assert answer.status == 502
    assert "homeport:outside is false" in answer.text


@once
def test_a_site_that_is_down_is_told_plainly_and_soon(estate: Checkout) -> None:
    container = containers.one(estate.docker, estate.label, "neighbour")
    container.stop()
    try:
        answer = estate.get(estate.url("neighbour"))
    finally:
        container.start()
    assert answer.status in (502, 503)
    assert "this site can't answer now" in answer.text
    assert answer.headers["retry-after"] == "10"
    containers.wait_healthy(estate.docker, estate.label, "neighbour")


@once
def test_no_site_answers_for_another_whose_address_it_has(estate: Checkout) -> None:
    """Docker gives a stopped container's address to the next that starts."""
    program = containers.one(estate.docker, estate.label, "program")
    networks = program.attrs["NetworkSettings"]["Networks"]
    (web,) = [name for name in networks if "site-program" in (networks[name]["Aliases"] or ())]
    network = estate.docker.networks.get(web)
    network.disconnect(program)
    network.connect(program, aliases=["site-program", "site-neighbour"])
    try:
        found = {estate.get(estate.url("neighbour")).text for _ in range(40)}
    finally:
        network.disconnect(program)
        network.connect(program, aliases=["site-program"])
    assert len(found) == 1, found
    assert "marker-of-neighbour" in found.pop()
    estate.serves(estate.url("program"), "marker-of-program")


@once
@pytest.mark.parametrize("hosting", HOSTINGS)
def test_an_owners_lines_say_the_same_with_and_without_a_container(
    estate: Checkout, hosting: str
) -> None:
    site = f"ruled-{hosting}"
    top = estate.url(site)
    estate.serves(top, f"marker-of-{site}")
    for path, status, text in (
        ("new.txt", 200, "marker-of-new.txt"),
        ("new", 200, "marker-of-new.txt"),  # by try_files
        ("deep/page.txt", 200, "marker-of-below/page.txt"),
        ("folder/", 200, "page.txt"),  # listed
        ("private/page.txt", 401, ""),
        ("nothing", 404, "marker-of-404"),
        ("greeting", 200, "hello,\nyou"),
        ("gone", 410, "marker-of-410 410"),
        ("broken", 500, "marker-of-own-5xx"),
    ):
        answer = estate.get(top + path)
        assert (answer.status, text in answer.text) == (status, True), (path, answer)
    assert estate.get(top + "new.txt").headers["x-rule"] == "of its owner"
    assert estate.get(top + "old/page").headers["location"] == "/new.txt"
    assert "marker" not in estate.get(top + "private/page.txt").text
    assert estate.get(top + "broken").headers["x-said"] == "of-errors"


@once
def test_headers_are_there_and_a_site_overrides_them(estate: Checkout) -> None:
    headers = estate.get(estate.url("alpha")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "strict-transport-security" not in headers, "the local CA is no reason to pin TLS"
    assert estate.get(estate.url("program")).headers["referrer-policy"] == "no-referrer"


@once
def test_a_site_without_content_says_so(estate: Checkout) -> None:
    answer = estate.get(estate.url("empty"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert "no content yet" in answer.text


@once
def test_access_logs_are_json_and_named_after_the_site(estate: Checkout) -> None:
    estate.get(estate.url("alpha") + "?seen=in-the-log")
    log = containers.access_log(containers.one(estate.docker, estate.label, "router"))
    (line,) = [line for line in log.splitlines() if "seen=in-the-log" in line]
    assert '"logger":"http.log.access.alpha"' in line
