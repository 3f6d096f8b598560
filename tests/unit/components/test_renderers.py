"""The files that the program generates, compared whole with those in golden/."""

import re
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gateway.caddyfile import router_files, router_secret_files
from components.gateway.gateway import Gateway
from components.gateway.haproxy_config import haproxy_config
from components.routes import Files, Guard, Handler, Redirect, Refusal, Route, Upstream
from components.site.caddyfile import (
    SiteServer,
    lines_begin_at,
    site_alone,
    site_block,
    site_caddyfile,
)
from components.site.content import HIDDEN
from components.site.shared_caddyfile import shared_site
from tests.unit.approved import GOLDEN, approved
from values.entrance import Entrance
from values.tokens import tokens


def route(name: str, at: str, handler: Handler | None = None, *, email: str | None = None) -> Route:
    host, slash, rest = at.partition("/")
    handler = handler or Upstream(address=f"site-{name}:80")
    return Route(component=name, host=host, path=slash + rest, handler=handler, email=email)


def guarded(name: str, accounts: dict[str, str], writers: frozenset[str] | None) -> Route:
    guard = Guard(accounts=accounts, writers=writers, denied='{"no": 1}', closed='{"later": 1}')
    handler = Upstream(address=f"{name}:80", patience="60s")
    return replace(route(name, f"{name}.localhost", handler), guard=guard)


def opened(name: str, accounts: dict[str, str]) -> Route:
    """A guarded one with a path for which nobody is asked."""
    there = guarded(name, accounts, frozenset())
    assert there.guard
    return replace(there, guard=replace(there.guard, open="/health"))


def redirect(to: str, *, status: int = 301, keep_path: bool = True) -> Redirect:
    return Redirect(to=to, status=status, keep_path=keep_path)


def entrance(
    http: int, https: int, *, internal_ca: bool, plain_hosts: tuple[str, ...] = ()
) -> Entrance:
    return Entrance(
        docker_host="unix:///x",
        stack="homeport/test",
        address=IPv4Address("127.0.0.1"),
        http=http,
        https=https,
        internal_ca=internal_ca,
        plain_hosts=plain_hosts,
    )


LOCAL = Gateway(
    routes=[
        route("welcome", "welcome.localhost"),
        route("blog", "www.example.org.localhost"),
        route("blog", "blog.localhost"),
        # Paths of one host, and of another that has nothing at its top.
        route("new", "www.example.org.localhost/new"),
        route("deep", "www.example.org.localhost/new/deep"),
        route("docs", "paths.localhost/docs"),
        route("moved", "example.org.localhost", redirect("https://www.example.org.localhost:8443")),
        route(
            "moved-for-now",
            "www.example.org.localhost/old",
            redirect("https://elsewhere.example.net/landing", status=302, keep_path=False),
        ),
        route("outside", "outside.localhost", Refusal(status=502, text="not asked from here")),
        guarded("store", {"alice": "$2b$11$A", "bob": "$2b$11$B"}, frozenset({"bob"})),
        guarded("shut", {}, frozenset()),
        guarded("shown", {"alice": "$2b$11$A"}, None),
        guarded("read-only", {"alice": "$2b$11$A"}, frozenset()),
        opened("asked", {"alice": "$2b$11$A"}),
        opened("asked-of-nobody", {}),
        replace(
            route("vault", "vault.localhost", Upstream(address="vault:8200")),
            secret_headers=["X-Vault-Token"],
        ),
        route("page", "page.localhost", Upstream(address="page:80", paths=["/", "/assets/*"])),
    ],
    at=entrance(8080, 8443, internal_ca=True, plain_hosts=("welcome.localhost",)),
    stream_close_delay="1h",
)
PROD = Gateway(
    routes=[
        route("shop", "xn--bcher-kva.example", email="shop@example.com"),
        route("blog", "www.example.org", email="blog@example.com"),
        route("new", "www.example.org/new"),
        route("moved", "example.org", redirect("https://www.example.org/"), email="a@example.com"),
        route("here", "here.example.org", Upstream(address="http://192.0.2.7:9104")),
        route(
            "there",
            "there.example.org",
            Upstream(address="https://there.example.net", patience="10s"),
        ),
    ],
    at=entrance(80, 443, internal_ca=False, plain_hosts=("here.example.org",)),
    stream_close_delay="5m",
)

ACME = replace(
    PROD,
    at=PROD.at.model_copy(update={"roots": "(PEM)"}),
    acme_directory="https://ca.example.net/dir",
)

FREE_LINES = """\
header X-Robots-Tag noindex

handle /old/* {
  respond "it is gone" 410
}
"""

OWN_ERRORS = """\
@old path /old/*
header @old X-Old yes
handle_errors 4xx {
  respond @old "it is gone" 410
}
"""


def shared(name: str, **said: Any) -> Files:
    return shared_site(SiteServer(root=f"/content/sites/{name}/current", **said))


SHARED = Gateway(
    routes=[
        # A site of two hosts, of which one is plain, and others below one of them.
        route("blog", "blog.localhost", shared("blog", not_found="lost.html", lines=OWN_ERRORS)),
        route("blog", "example.localhost", shared("blog", not_found="lost.html", lines=OWN_ERRORS)),
        route("new", "example.localhost/new", shared("new", listing=True)),
        route("deep", "example.localhost/new/deep", shared("deep", lines=FREE_LINES)),
        route("blog-error0", "other.localhost", shared("blog-error0")),
        route("boxed", "boxed.localhost"),
    ],
    at=entrance(8080, 8443, internal_ca=True, plain_hosts=("blog.localhost",)),
    stream_close_delay="1h",
)

AT = "site-shop:80"

RENDERED = {
    "haproxy-local.cfg": haproxy_config(LOCAL.at),
    "haproxy-prod.cfg": haproxy_config(PROD.at),
    "router-local.Caddyfile": router_files(LOCAL)["Caddyfile"],
    "router-prod.Caddyfile": router_files(PROD)["Caddyfile"],
    "router-acme.Caddyfile": router_files(ACME)["Caddyfile"],
    "router-shared.Caddyfile": router_files(SHARED)["Caddyfile"],
    "router-without-sites.Caddyfile": router_files(replace(LOCAL, routes=[]))["Caddyfile"],
    "site.Caddyfile": site_caddyfile(AT, SiteServer()),
    "site-listing.Caddyfile": site_caddyfile(AT, SiteServer(listing=True)),
    "site-not-found.Caddyfile": site_caddyfile(AT, SiteServer(not_found="404/index.html")),
    "site-php.Caddyfile": site_caddyfile(AT, SiteServer(runtime="php", not_found="lost.html")),
    "site-free-lines.Caddyfile": site_caddyfile(AT, SiteServer(lines=FREE_LINES)),
    "site-alone.Caddyfile": site_alone(SiteServer(lines=FREE_LINES), "http://site.invalid:80"),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_generated_file_is_as_it_was_approved(name: str) -> None:
    assert RENDERED[name] == approved(GOLDEN / name, RENDERED[name])


def test_every_golden_file_is_compared() -> None:
    there = {file.name for suffix in ("Caddyfile", "cfg") for file in GOLDEN.glob(f"*.{suffix}")}
    assert there == set(RENDERED)


def test_who_has_an_account_is_secret_and_makes_another_configuration() -> None:
    files = router_files(LOCAL)
    assert router_secret_files(LOCAL)["accounts/store"] == "alice $2b$11$A\nbob $2b$11$B\n"
    assert "$2b$" not in "".join(files.values())
    fewer = [
        replace(route, guard=replace(route.guard, accounts={"alice": "$2b$11$A"}))
        if route.guard and route.component == "store"
        else route
        for route in LOCAL.routes
    ]
    assert router_files(replace(LOCAL, routes=fewer))["revision"] != files["revision"]


def test_the_order_of_sites_changes_nothing() -> None:
    assert router_files(replace(LOCAL, routes=LOCAL.routes[::-1])) == router_files(LOCAL)
    assert router_files(replace(PROD, routes=PROD.routes[::-1])) == router_files(PROD)


def test_many_hosts_are_looked_for_in_groups() -> None:
    hosts = [f"s{number:03}.localhost" for number in range(40)]
    text = router_files(replace(LOCAL, routes=[route("s", host) for host in hosts]))["Caddyfile"]
    groups = re.findall(r"@hosts\d+ header_regexp Host (\S+)", text)
    assert len(groups) == 3
    for host in hosts:
        assert sum(bool(re.search(group, f"{host.upper()}.:8443")) for group in groups) == 1
        assert text.count(f"^{re.escape(host)}\\.?") == 1, "each has one handle"
    assert not any(re.search(group, "xs000.localhost") for group in groups)


def test_of_a_site_that_is_refused_nothing_is_served_and_nothing_else_changes() -> None:
    before = router_files(SHARED)["Caddyfile"]
    after = router_files(SHARED.refusing(["blog", ""]))["Caddyfile"]
    assert router_files(SHARED.refusing([""]))["Caddyfile"] == before
    assert "X-Old" in before
    assert "X-Old" not in after
    assert "invoke site-blog\n" not in after
    for name in ("new", "deep", "blog-error0"):
        assert f"&(site-{name}) {{" in after
        assert f"invoke site-{name}\n" in after
    sorry = 'log_name blog\n\t\t\trespond "This site\'s configuration was refused." 503'
    assert after.count(sorry) == 2, "at its two hosts"


def test_no_two_sites_have_lines_of_one_name_whatever_they_are_called() -> None:
    names = re.findall(r"^&\((.*)\) \{$", router_files(SHARED)["Caddyfile"], re.MULTILINE)
    assert len(names) == len(set(names)) == 1 + 4 + 2


def test_a_configuration_has_sockets_of_its_own() -> None:
    files = router_files(LOCAL)
    other = router_files(replace(LOCAL, routes=LOCAL.routes[1:]))
    folders = set(re.findall(r"bind unix//sockets/(\w+)/https?\.sock", files["Caddyfile"]))
    assert folders == {files["revision"]}
    assert files["revision"] != other["revision"], "else visitors would be led to one that stops"


@pytest.mark.parametrize("runtime", ["static", "php"])
@pytest.mark.parametrize(
    "lines",
    [
        "header A b",
        FREE_LINES,
        "header A b\n@no_content not file {\n}\nroot * /srv/current\nheader C d",
    ],
)
def test_the_lines_of_a_sites_owner_are_found_again_in_its_block(lines: str, runtime: str) -> None:
    php = runtime == "php"
    server = SiteServer(runtime="php" if php else "static", not_found="x", lines=lines)
    text = site_block(server)
    begin, own = lines_begin_at(text, server.root) - 1, server.owner_lines
    theirs = text.split("\n")[begin : begin + len(own.rendered)]
    assert [line.removeprefix("\t") for line in theirs] == lines.rstrip("\n").split("\n")
    assert list(own.numbers) == list(range(len(theirs)))


def test_a_file_server_of_the_owner_hides_what_no_site_shows_and_lines_are_counted_still() -> None:
    lines = (
        "header A b\nfile_server /a/* browse # {\n\nfile_server /b/* { # c\n  index x\n}\nd `{$E}`"
    )
    own = SiteServer(lines=lines).owner_lines
    hide = f"\thide {' '.join(HIDDEN)}"
    assert list(zip(own.numbers, own.rendered, strict=True)) == [
        (0, "header A b"),
        (1, "file_server /a/* browse {"),
        (1, hide),
        (1, "} # {"),
        (2, ""),
        (3, "file_server /b/* { # c"),
        (3, hide),
        (4, "  index x"),
        (5, "}"),
        (6, "d `{$:{$}E}`"),
    ]


@given(st.text(alphabet='ab {}"`\\\n\t#<$:', max_size=60))
def test_any_lines_stay_as_they_are_where_nothing_has_to_be_put_in(lines: str) -> None:
    own = SiteServer(lines=lines).owner_lines
    assert "\n".join(own.rendered) == lines.rstrip("\n").replace("{$", "{$:{$}")
    words = list(tokens(lines))
    assert [word.end for word in words] == sorted({word.end for word in words})
