"""Whom the router compares a password for."""

from __future__ import annotations

import base64
import re
from ipaddress import IPv4Address

import pytest

from components.gateway.gateway import Gateway
from components.gateway.routes_caddyfile import handles
from components.routes import Guard, Route, Upstream
from values.entrance import Entrance

NAMES = ("a", "al", "ali", "x+y@z")
PASSWORDS = ("", "p", "pw", "pw1", ":", "ü☂", *(chr(code) for code in range(256)))


@pytest.fixture(scope="module")
def known() -> re.Pattern[str]:
    """What the header of somebody begins with who may have an account."""
    guard = Guard(accounts=dict.fromkeys(NAMES, "$2b$11$A"))
    route = Route(
        component="store", host="store.test", path="", handler=Upstream(address="s:1"), guard=guard
    )
    at = Entrance(
        stack="homeport/local",
        docker_host="unix:///var/run/docker.sock",
        address=IPv4Address("127.0.0.1"),
        http=80,
        https=443,
        internal_ca=True,
    )
    text = "\n".join(handles([route], Gateway(routes=[route], at=at, stream_close_delay="1h")))
    (pattern,) = re.findall(r"@stranger not vars_regexp \S+ `(.*)`", text)
    return re.compile(pattern)


@pytest.mark.parametrize("name", NAMES)
def test_everybody_with_an_account_is_asked(known: re.Pattern[str], name: str) -> None:
    for password in PASSWORDS:
        assert known.search(header(name, password)), password
        assert known.search(header(name, password).replace("Basic", "bAsic")), password


@pytest.mark.parametrize("name", ["", "b", "A", "aa", "x+y@", "x+y@zz", " a", "alice"])
def test_nobody_else_is(known: re.Pattern[str], name: str) -> None:
    for password in PASSWORDS:
        assert not known.search(header(name, password)), password


def header(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
