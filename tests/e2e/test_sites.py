"""Every kind of site and every change of one, without a failed request. In this order."""

from __future__ import annotations

import docker
import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.refused import assert_names, refused_preview
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.load import Load

once = pytest.mark.parametrize("place", ["socket"], indirect=True)


def load(checkout: Checkout, name: str) -> Load:
    """Visitors of a site, in number."""
    return Load(
        checkout.url(name),
        marker=f"marker-of-{name}",
        address=(checkout.place.address, checkout.https),
        ca=checkout.ca,
    )


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


def test_the_island_contacts_no_upstream_outside(estate: Checkout) -> None:
    answer = estate.get(estate.url("outside"))
    assert answer.status == 502
    assert "homeport:outside is false" in answer.text


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


def test_headers_are_there_and_a_site_overrides_them(estate: Checkout) -> None:
    headers = estate.get(estate.url("alpha")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "strict-transport-security" not in headers, "the local CA is no reason to pin TLS"
    assert estate.get(estate.url("program")).headers["referrer-policy"] == "no-referrer"


def test_a_site_without_content_says_so(estate: Checkout) -> None:
    answer = estate.get(estate.url("empty"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert "no content yet" in answer.text


def test_access_logs_are_json_and_named_after_the_site(estate: Checkout) -> None:
    estate.get(estate.url("alpha") + "new/deep/?seen=in-the-log")
    log = containers.one(estate.docker, estate.label, "router").logs().decode()
    (line,) = [line for line in log.splitlines() if "seen=in-the-log" in line]
    assert '"logger":"http.log.access.deep"' in line


# Over SSH the files take another way, which test_stack.py and test_volume_files.py are about; what
# visitors meet is the host's own.
@once
def test_adding_editing_and_removing_a_site_replaces_nothing_and_fails_no_request(
    estate: Checkout,
) -> None:
    before = estate.ids()
    with load(estate, "alpha") as alpha:
        page(estate, "added", "marker-of-added")
        estate.up()
        estate.serves(estate.url("added"), "marker-of-added")
        edited = "hosts: [added]\nsource: {folder: sites/added}\ncaddyfile: header X-Edited yes\n"
        estate.write_site("added", edited)
        with load(estate, "added") as added:
            estate.up()
        assert estate.get(estate.url("added")).headers["x-edited"] == "yes"
        (estate.folder / "config/sites/added.yaml").unlink()
        estate.up()
        # Its certificate is known to the door until it is due.
        assert estate.get(estate.url("added")).status == 404
    added.check()
    alpha.check()
    assert estate.ids() == before


@once
def test_a_new_image_of_a_site_drops_no_request(estate: Checkout) -> None:
    before = containers.one(estate.docker, estate.label, "program").id
    good = estate.image("php")
    here = docker.from_env()
    here.images.get(good).tag("homeport/php", "e2e-next")
    estate.use_image("php", "homeport/php:e2e-next")
    with load(estate, "program") as program, load(estate, "alpha") as alpha:
        estate.up()
    program.check()
    alpha.check()
    assert containers.one(estate.docker, estate.label, "program").id != before
    estate.use_image("php", good)
    estate.up()
    here.images.remove("homeport/php:e2e-next", force=True)
    here.close()
