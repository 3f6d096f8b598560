"""The files that the program generates, compared whole with those in golden/.

`UPDATE_GOLDEN=1 python -m pytest tests/unit/test_renderers.py` writes them anew; what changed
is then read in `git diff`.
"""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from components.caddy_proxy import CaddyProxyArgs, proxy_caddyfile
from components.caddy_site import site_caddyfile
from components.docker_host import DockerHost
from components.routes import Route

GOLDEN = Path(__file__).parent / "golden"


def route(name: str, *hosts: str) -> Route:
    return Route(component=name, hosts=hosts, upstream=f"site-{name}:80")


def proxy_args(**different: Any) -> CaddyProxyArgs:
    """A gateway; rendering never looks at the host that it runs on."""
    return CaddyProxyArgs(host=cast("DockerHost", None), image="caddy:2", **different)


LOCAL = proxy_args(
    routes=[
        route("welcome", "welcome.localhost"),
        route("blog", "blog.localhost", "www.example.org.localhost"),
    ],
    address="127.0.0.1",
    http=8080,
    https=8443,
    internal_ca=True,
    plain_hosts=frozenset({"welcome.localhost"}),
)
PROD = proxy_args(
    routes=[
        route("shop", "xn--bcher-kva.example"),
        route("blog", "www.example.org", "example.org"),
    ],
    address="0.0.0.0",  # noqa: S104 - a real gateway's
    http=80,
    https=443,
    internal_ca=False,
    plain_hosts=frozenset(),
)
NO_SITES = proxy_args(
    routes=[],
    address="127.0.0.1",
    http=8080,
    https=8443,
    internal_ca=True,
    plain_hosts=frozenset({"welcome.localhost"}),
)


RENDERED = {
    "proxy-local.Caddyfile": proxy_caddyfile(LOCAL),
    "proxy-prod.Caddyfile": proxy_caddyfile(PROD),
    "proxy-without-sites.Caddyfile": proxy_caddyfile(NO_SITES),
    "site.Caddyfile": site_caddyfile(),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_generated_file_is_as_it_was_approved(name: str) -> None:
    text = RENDERED[name]
    if os.environ.get("UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def test_every_golden_file_is_compared() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == set(RENDERED)


def test_the_order_of_sites_changes_nothing() -> None:
    routes = [route("a", "a.org"), route("b", "b.org")]
    one, other = (
        proxy_args(
            routes=order,
            address="127.0.0.1",
            http=80,
            https=443,
            internal_ca=True,
            plain_hosts=frozenset(),
        )
        for order in (routes, routes[::-1])
    )
    assert proxy_caddyfile(one) == proxy_caddyfile(other)
