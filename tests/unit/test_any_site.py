"""Whatever a site's file says within what is allowed, it is served; beyond that, it is named."""

import re
import string
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.gateway.caddyfile import router_files
from components.gateway.gateway import Gateway
from components.routes import Route, Upstream
from components.site.caddyfile import site_caddyfile
from components.site.served import Content
from components.site.shared_caddyfile import shared_site
from composition.sites import what_answers
from config import loading
from config.estate import Estate
from config.hosts import canonical_location
from config.model import ConfigError
from config.settings import Settings
from tests.unit.program import an_estate, own_config, write_files

CONFIGS = {stack: own_config(stack) for stack in ("local", "prod")}
LOCAL = Settings.parse("local", CONFIGS["local"])
LETTERS = string.ascii_letters + string.digits
# What people type: capitals, digits alone, underscores, other scripts, long.
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in ("host", "proxy", "router", "smoke")  # parts of Homeport
)
LABELS = (
    st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,10}[A-Za-z0-9_])?", fullmatch=True)
    | st.text(LETTERS, min_size=50, max_size=63)
    | st.sampled_from(
        ["bücher", "Straße", "中文", "пример", "ελλάδα", "münchen-2", "xn--bcher-kva"]
    )
)
TOP = st.sampled_from(["example", "ORG", "de", "localhost", "рф", "dev."])
HOSTS = LABELS | st.builds(".".join, st.tuples(LABELS, TOP)) | st.builds(
    ".".join, st.tuples(LABELS, LABELS, TOP)
)  # fmt: skip
PATHS = st.lists(
    st.text(LETTERS + "._~-", min_size=1, max_size=20).filter(lambda p: p not in (".", "..")),
    max_size=3,
).map(lambda parts: "".join(f"/{part}" for part in parts))
LOCATIONS = st.builds("".join, st.tuples(HOSTS, PATHS, st.sampled_from(["", "/"]))).filter(
    lambda at: not re.fullmatch(r"[0-9.]+(/.*)?", at)  # addresses
)
PAGES = st.lists(st.text(LETTERS + "_-éß", min_size=1, max_size=9), min_size=1, max_size=3).map(
    "/".join
)
LINES = st.sampled_from(["header A b", "header A b\n\nrespond /x ok\n", "# nothing"])
CONTENT = st.fixed_dictionaries(
    {
        "source": st.just({"folder": "sites/any"})
        | st.just({"host_folder": "/srv/any one"})
        | st.just({"git": "https://git.example.org/any", "branch": "a/b", "as": "new"}),
    },
    optional={
        "runtime": st.sampled_from(["static", "php"]),
        "listing": st.booleans(),
        "hosting": st.just("container"),
        "not_found": PAGES,
        "memory_mib": st.integers(32, 65536),
        "cpus": st.floats(0.1, 64) | st.integers(1, 64),
        "egress": st.booleans(),
        "caddyfile": LINES,
    },
)
URLS = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https"]),
    HOSTS.filter(lambda host: not re.fullmatch(r"[0-9.]+", host)) | st.just("192.0.2.7"),
    st.sampled_from(["", ":1", ":65535"]),
)
# Nothing that a site has itself: a redirect to that would never end.
AWAY = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    LABELS.map("{}.away".format) | st.just("192.0.2.7"),
    st.sampled_from(["", ":1", ":65535"]),
    PATHS,
)
ELSEWHERE = st.builds(lambda to: {"redirect": {"to": to}}, AWAY)
OUTSIDE = st.builds(lambda to: {"upstream": to}, URLS)
SITES = st.builds(
    lambda hosts, kind, more: {"hosts": hosts} | kind | more,
    st.lists(
        LOCATIONS,
        min_size=1,
        max_size=4,
        unique_by=lambda at: LOCAL.full_location(canonical_location(at).lower()),
    ),
    CONTENT | ELSEWHERE | OUTSIDE,
    st.fixed_dictionaries({}, optional={"email": st.just("ada.l+site@example.com")}),
)

# Ways to spoil a site that is well.
SPOILT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "an unknown field": lambda site: site | {"colour": "red"},
    "no hosts": lambda site: site | {"hosts": []},
    "hosts as text": lambda site: site | {"hosts": "blog"},
    "a wildcard": lambda site: site | {"hosts": [*site["hosts"], "*.example.org"]},
    "an address": lambda site: site | {"hosts": ["192.0.2.7", *site["hosts"]]},
    "a port": lambda site: site | {"hosts": ["example.org:80"]},
    "a URL": lambda site: site | {"hosts": ["https://example.org"]},
    "a path that goes up": lambda site: site | {"hosts": ["example.org/../etc"]},
    "a brace in a path": lambda site: site | {"hosts": ["example.org/{env.HOME}"]},
    "a line end in a host": lambda site: site | {"hosts": ["example.org\n}"]},
    "a host twice": lambda site: site | {"hosts": [*site["hosts"], site["hosts"][0]]},
    "a number as host": lambda site: site | {"hosts": [7]},
    "a label too long": lambda site: site | {"hosts": ["a" * 64]},
    "two kinds": lambda site: site | {
        "source": {"folder": "sites/any"}, "redirect": {"to": "https://a.org"}
    },
    "no kind": lambda site: {"hosts": site["hosts"]},
    "lines on a redirect": lambda site: {
        "hosts": site["hosts"], "redirect": {"to": "https://a.org"}, "caddyfile": "header A b"
    },
    "a shared site of PHP": lambda site: {
        "hosts": site["hosts"], "source": {"folder": "sites/any"}, "runtime": "php",
        "hosting": "shared",
    },
    "a redirect in a container": lambda site: {
        "hosts": site["hosts"], "redirect": {"to": "https://a.org"}, "hosting": "container"
    },
    "a source of nothing": lambda site: {"hosts": site["hosts"], "source": {}},
    "a folder that is not there": lambda site: {
        "hosts": site["hosts"], "source": {"folder": "sites/none"}
    },
    "a folder elsewhere": lambda site: {"hosts": site["hosts"], "source": {"folder": "../any"}},
    "a password": lambda site: {
        "hosts": site["hosts"], "source": {"git": "https://ada:secret@example.org/x"}
    },
    "a brace in a redirect": lambda site: {
        "hosts": site["hosts"], "redirect": {"to": "https://a.org/{env.HOME}"}
    },
    "a redirect to itself": lambda site: {
        "hosts": site["hosts"], "redirect": {"to": f"https://{site['hosts'][0]}"}
    },
    "a path for an upstream": lambda site: {
        "hosts": site["hosts"], "upstream": "http://a.org/x"
    },
    "an address for a page": lambda site: {
        "hosts": site["hosts"], "source": {"folder": "sites/any"}, "not_found": "x\n}\n"
    },
    "no e-mail address": lambda site: site | {"email": "ada"},
    "too little memory": lambda site: site | {"memory_mib": 1},
    "too many": lambda site: site | {"cpus": 1000},
}  # fmt: skip


def load(stack: str, folder: str, name: str, text: str) -> Estate:
    root = an_estate(Path(folder), {})
    write_files(root, {f"config/sites/{name}.yaml": text, "sites/any/index.html": ""})
    return loading.load(stack, CONFIGS[stack], root)


def rendered(estate: Estate) -> tuple[str, list[str]]:
    """The gateway's Caddyfile, and that of each site with a container."""
    routes, sites = [], []
    for site in estate.sites:
        answer = what_answers(site, estate, {})
        if isinstance(answer, Content) and answer.shared:
            answer = shared_site(answer.server)
        elif isinstance(answer, Content):
            sites.append(site_caddyfile("site-any:80", answer.server))
            answer = Upstream(address=f"site-{site.name}:80")
        for host, path in site.locations:
            routes.append(Route(component=site.name, host=host, path=path, handler=answer))
    gateway = Gateway(
        routes=routes,
        at=estate.entrance,
        stream_close_delay=estate.settings.stream_close_delay,
    )
    return router_files(gateway)["Caddyfile"], sites


def in_balance(caddyfile: str) -> bool:
    """Whether every block that is opened is closed, and none before it was opened."""
    depth = 0
    for line in caddyfile.splitlines():
        depth += line.endswith("{") - (line.strip() == "}")
        if depth < 0:
            return False
    return depth == 0


@settings(max_examples=100)
@given(stack=st.sampled_from(sorted(CONFIGS)), name=NAMES, site=SITES)
def test_any_valid_site_is_loaded_and_rendered(stack: str, name: str, site: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        estate = load(stack, folder, name, yaml.safe_dump(site, allow_unicode=True))
    gateway, sites = rendered(estate)
    assert in_balance(gateway)
    assert all(map(in_balance, sites))
    for host, path in estate.sites[0].locations:
        assert host.isascii()
        assert host == host.lower()
        assert rf"header_regexp Host (?i)^{re.escape(host)}\.?(:" in gateway
        if path:
            assert f" path {path} {path}/*\n" in gateway
    assert len(estate.urls()) == len(site["hosts"])


@settings(max_examples=100)
@given(name=NAMES, site=SITES, how=st.sampled_from(sorted(SPOILT)))
def test_any_invalid_site_is_named(name: str, site: dict[str, Any], how: str) -> None:
    text = yaml.safe_dump(SPOILT[how](site), allow_unicode=True)
    with tempfile.TemporaryDirectory() as folder, pytest.raises(ConfigError) as caught:
        load("local", folder, name, text)
    for problem in caught.value.problems:
        assert problem.startswith(f"config/sites/{name}.yaml:")
        assert problem.isprintable()
