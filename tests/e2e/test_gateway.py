"""The gateway as visitors meet it, and as attackers do."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.client import Http, get
from tests.e2e.support.load import PatientLoad

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


@pytest.mark.parametrize("http", ["1.1", "2", "3"])
def test_a_host_of_nobody_is_refused(estate: Checkout, http: Http) -> None:
    assert estate.refusal("nobody"), "in the handshake, where nothing else has been said"
    if http != "3":
        for host in ("nobody.localhost", "beta.localhost:1", "127.0.0.1"):
            answer = estate.get(estate.url("alpha"), http=http, headers={"Host": host})
            assert answer.status == 421, host
            assert answer.text == "421 Misdirected Request"


def test_a_host_of_nobody_is_refused_over_plain_http(estate: Checkout) -> None:
    assert estate.get(estate.url("nobody", scheme="http")).status == 421


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_absolute_name_is_the_same_host(estate: Checkout, scheme: str) -> None:
    answer = estate.get(
        estate.url("welcome", scheme=scheme), headers={"Host": "Welcome.localhost."}
    )
    assert answer.status == 200
    redirect = estate.get(
        estate.url("alpha", scheme="http"), headers={"Host": "alpha.localhost."}
    ).headers["location"]
    assert redirect == f"https://alpha.localhost.:{estate.https}/"


def test_nobody_adds_figures_by_what_they_ask_for(estate: Checkout) -> None:
    known = f"alpha.localhost:{estate.https}"
    estate.get(estate.url("alpha"), headers={"Host": known})
    before = _hosts_in_figures(estate)
    assert known in before
    context = ssl.create_default_context(cafile=estate.ca)
    with (
        socket.create_connection((estate.place.address, estate.https)) as plain,
        context.wrap_socket(plain, server_hostname="alpha.localhost") as visitor,
    ):
        for number in range(1000):
            host = f"alpha.localhost:{number}" if number % 2 else f"a{number}.localhost"
            visitor.sendall(f"GET /{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert b" 421 " in visitor.recv(4096).partition(b"\r\n")[0]
    assert _hosts_in_figures(estate) == before


@pytest.mark.parametrize("http", ["1.1", "2"])
def test_head_says_what_get_would(estate: Checkout, http: Http) -> None:
    """With compression as well: a cache compares the two."""
    answers = {}
    for method in ("GET", "HEAD"):
        answers[method] = get(
            estate.url("alpha"),
            address=(estate.place.address, estate.https),
            ca=estate.ca,
            http=http,
            method=method,
            headers={"Accept-Encoding": "gzip"},
        )
    told = [
        {name: answer.headers.get(name) for name in ("content-encoding", "etag", "vary")}
        for answer in answers.values()
    ]
    assert answers["HEAD"].status == answers["GET"].status == 200
    assert told[0] == told[1]
    assert answers["HEAD"].body == b""


@pytest.mark.parametrize("http", ["1.1", "2", "3"])
def test_headers_may_be_as_long_in_each_version(estate: Checkout, http: Http) -> None:
    for length, status in ((17_000, 200), (30_000, 431)):
        answer = estate.get(estate.url("alpha"), http=http, headers={"X-Long": "x" * length})
        assert answer.status == status, length


def test_http_3_is_told_of_with_the_port_that_is_published(estate: Checkout) -> None:
    for http in ("1.1", "2"):
        told = estate.get(estate.url("alpha"), http=http).headers["alt-svc"]
        assert f'h3=":{estate.https}"' in told


def test_visitors_wait_while_the_router_starts_again(estate: Checkout) -> None:
    """New connections are held. What was asked already is answered before the router stops."""
    with estate.load("alpha", kind=PatientLoad) as load:
        time.sleep(1)  # so that connections are kept
        containers.one(estate.docker, estate.label, "router").restart(timeout=30)
    load.check()
    print(load)


def test_visitors_wait_while_the_router_is_gone(estate: Checkout) -> None:
    router = containers.one(estate.docker, estate.label, "router")
    router.stop(timeout=30)
    answers: list[int] = []

    def ask() -> None:
        at = (estate.place.address, estate.https)
        answers.append(get(estate.url("alpha"), address=at, ca=estate.ca, timeout=40).status)

    visitors = [threading.Thread(target=ask) for _ in range(50)]
    for visitor in visitors:
        visitor.start()
    time.sleep(3)  # nobody tells a visitor that is held from one that isn't there yet
    assert answers == []
    router.start()
    for visitor in visitors:
        visitor.join()
    assert answers == [200] * 50


def _hosts_in_figures(estate: Checkout) -> set[str]:
    """The hosts by which the router counts requests; `_other` are all that it doesn't know."""
    proxy = containers.one(estate.docker, estate.label, "proxy")
    figures = containers.run_in(proxy, "wget -q -O - http://127.0.0.1:2023/metrics")
    return set(re.findall(r'^caddy_http_.*\bhost="(.*?)"', figures, re.MULTILINE)) | {"_other"}
