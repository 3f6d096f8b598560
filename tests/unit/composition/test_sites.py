"""From what a site's file says to what is declared for it."""

import json
from pathlib import Path

import pytest

from components.routes import Handler, Redirect, Refusal, Upstream
from components.site.caddyfile import SiteServer
from components.site.served import Content
from composition.sites import what_answers, what_is_published
from config import loading
from tests.unit.program import EVERY_KIND, an_estate, own_config


def answers(root: Path, stack: str, **different: str) -> dict[str, Content | Handler]:
    """What answers for each site, by its name."""
    estate = loading.load(stack, own_config(stack) | different, an_estate(root, EVERY_KIND))
    return {site.name: what_answers(site, estate, {}) for site in estate.sites}


def content(answer: Content | Handler) -> Content:
    assert isinstance(answer, Content)
    return answer


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_redirects_say_where_how_long_and_with_what(tmp_path: Path, stack: str) -> None:
    found = answers(tmp_path, stack)
    here = Redirect(to="https://blog.example.org/", status=301, keep_path=True)
    away = Redirect(to="https://example.net/?a", status=302, keep_path=False)
    assert (found["moved"], found["away"]) == (here, away)


def test_an_upstream_outside_is_asked_where_the_stack_may(tmp_path: Path) -> None:
    assert answers(tmp_path, "prod")["outside"] == Upstream(address="http://192.0.2.7:9104")


def test_the_island_says_why_it_does_not_ask(tmp_path: Path) -> None:
    assert answers(tmp_path, "local")["outside"] == Refusal(
        status=502,
        text="http://192.0.2.7:9104 is outside, and this stack contacts nothing there: "
        "homeport:outside is false.",
    )


def test_content_comes_from_where_the_file_says(tmp_path: Path) -> None:
    found = answers(tmp_path, "prod")
    places = {name: content(found[name]) for name in ("blog", "photos", "forum")}
    assert {
        name: (place.folder, place.host_folder, place.published) for name, place in places.items()
    } == {
        "blog": (Path("sites/blog"), None, False),
        "photos": (None, "/srv/photos", False),
        "forum": (None, None, True),
    }
    assert content(found["photos"]).host_folder_at == "config/sites/photos.yaml:2"


@pytest.mark.parametrize(
    ("scheme", "mirror", "token"),
    [
        ("https", {}, "t0ken"),
        ("https", {"https://git.example.org/": "http://192.0.2.7/"}, "t0ken"),
        ("http", {}, None),
    ],
    ids=["https", "a mirror of the owner's", "plain http"],
)
def test_a_token_is_not_sent_to_a_site_over_plain_http(
    tmp_path: Path, scheme: str, mirror: dict[str, str], token: str | None
) -> None:
    given = {
        "site_secrets": '{"forum": {"token": "t0ken"}}',
        "sources": json.dumps({"mirror": mirror}),
    }
    forum = f"hosts: [forum]\nsource: {{git: {scheme}://git.example.org/forum}}\n"
    root = an_estate(tmp_path, {"forum.yaml": forum})
    estate = loading.load("prod", own_config("prod") | given, root)
    assert what_is_published(estate).sites["forum"].token == token


def test_a_folder_of_the_host_has_a_stand_in_where_the_stack_names_one(tmp_path: Path) -> None:
    stand_in = '{"folders": {"/srv/photos": "sites/photos"}}'
    photos = content(answers(tmp_path, "local", sources=stand_in)["photos"])
    assert (photos.folder, photos.host_folder) == (Path("sites/photos"), None)
    assert not photos.shared, "what the other stack runs is tried here"


def test_the_gateway_serves_what_needs_no_container_unless_the_file_or_the_stack_says(
    tmp_path: Path,
) -> None:
    by_itself = {"bare", "lines", "notes"}
    found = answers(tmp_path / "a", "prod")
    images = loading.load("prod", own_config("prod"), tmp_path / "a").images
    places = {name: one for name, one in found.items() if isinstance(one, Content)}
    assert {name for name, place in places.items() if place.shared} == by_itself
    for name, place in places.items():
        at = f"/content/sites/{name}/current" if name in by_itself else "/srv/current"
        assert place.server.root == at
    assert places["bare"].image == images.gateway
    assert places["asks"].image == places["blog"].image == images.site
    contained = answers(tmp_path / "b", "prod", hosting="container")
    assert not [one for one in contained.values() if isinstance(one, Content) and one.shared]


def test_a_site_says_that_it_is_shared_in_a_stack_of_containers(tmp_path: Path) -> None:
    site = {"own.yaml": "hosts: [own]\nsource: {folder: sites/own}\nhosting: shared\n"}
    config = own_config("prod") | {"hosting": "container"}
    estate = loading.load("prod", config, an_estate(tmp_path, site))
    assert content(what_answers(estate.sites[0], estate, {})).shared


def test_a_sites_server_and_limits_are_as_its_file_says(tmp_path: Path) -> None:
    found = answers(tmp_path, "prod")
    blog, lines, shop = (content(found[name]) for name in ("blog", "lines", "shop"))
    assert blog.server == SiteServer(listing=True, not_found="lost.html")
    assert (blog.memory_mib, blog.cpus, blog.egress) == (64, 0.5, False)
    assert lines.server == SiteServer(lines="header A b\n", root="/content/sites/lines/current")
    assert (lines.declared_in, lines.lines_at) == ("config/sites/lines.yaml", 4)
    assert shop.server == SiteServer(runtime="php")
    assert (shop.memory_mib, shop.cpus, shop.egress) == (256, None, True)
