"""Nobody gets in but by a link, nothing comes from elsewhere, and no page lets others in."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import psutil
import pytest
from starlette.routing import Route

from config.settings import ROOT
from console.__main__ import loopback
from console.app import ROUTES
from console.doors import LINK_LASTS, SESSION_LASTS
from console.guard import MAX_BODY
from tests.unit.console.desk import Desk, text_of

ASKED = [
    (method, re.sub(r"\{[^}]*\}", "1", route.path))
    for route in ROUTES
    for method in sorted(route.methods or ())
]
CHANGING = [(method, path) for method, path in ASKED if method == "POST"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all of these tests. Each opens a session of its own, and none changes a file."""
    made = Desk(tmp_path_factory.mktemp("guarded") / "desk")
    yield made
    made.leave()


def routes_of(*methods: str) -> list[Route]:
    return [route for route in ROUTES if set(methods) & (route.methods or set())]


@pytest.mark.parametrize(("method", "path"), [a for a in ASKED if a[1] != "/login"])
def test_every_route_but_the_login_refuses_a_stranger(desk: Desk, method: str, path: str) -> None:
    before = desk.tree()
    answer = desk.stranger().request(method, path)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    if method != "HEAD":
        assert "Open the link that the terminal printed." in text_of(answer)
    assert desk.tree() == before


@pytest.mark.parametrize("path", ["/gone", "/login/", "/login%3Flink=x", "/login%23x", "//login"])
def test_what_is_no_route_refuses_a_stranger_as_well(desk: Desk, path: str) -> None:
    assert desk.stranger().get(path).status_code == 401
    assert desk.browser().get("/gone").status_code == 404


def test_a_link_opens_once(desk: Desk) -> None:
    link = desk.link()
    first = desk.stranger()
    answer = first.get(link)
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in answer.text
    assert first.get("/").status_code == 200
    again = desk.stranger()
    assert again.get(link).status_code == 401
    assert again.get("/").status_code == 401


def test_a_look_at_a_links_head_leaves_it(desk: Desk) -> None:
    link = desk.link()
    assert desk.stranger().head(link).status_code == 401
    assert desk.stranger().get(link).status_code == 200


def test_a_link_expires(desk: Desk) -> None:
    link = desk.link()
    desk.clock.now += LINK_LASTS
    assert desk.stranger().get(link).status_code == 401


def test_many_links_at_once_open_one_session(desk: Desk) -> None:
    link = desk.link()
    answers: list[int] = []

    def use() -> None:
        answers.append(desk.stranger().get(link).status_code)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [401] * 7


def test_the_cookie_is_for_this_console_and_no_script(desk: Desk) -> None:
    answer = desk.stranger().get(desk.link())
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith(f"homeport-console-{desk.address.port}=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_logging_out_ends_the_session_on_the_server(desk: Desk) -> None:
    browser = desk.browser()
    kept = dict(browser.cookies)
    assert browser.post("/logout").status_code == 200
    copy = desk.stranger()
    copy.cookies.update(kept)
    assert copy.get("/").status_code == 401


def test_a_session_ends_when_nobody_uses_it(desk: Desk) -> None:
    browser = desk.browser()
    desk.clock.now += SESSION_LASTS - 1
    assert browser.get("/").status_code == 200
    desk.clock.now += SESSION_LASTS
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "localhost:PORT",
        "127.0.0.1:PORT",
        "console.localhost",
        "console.localhost:1",
        "evil.example:PORT",
        "console.localhost.:PORT",
        "",
    ],
)
def test_another_host_is_misdirected(desk: Desk, host: str) -> None:
    host = host.replace("PORT", str(desk.address.port))
    browser = desk.browser()
    assert browser.get("/", headers={"host": host}).status_code == 421
    assert browser.get(desk.link(), headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://console.localhost:8080"},
        {"origin": "http://console.localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_what_comes_from_elsewhere_changes_nothing(
    desk: Desk, method: str, path: str, headers: dict[str, str]
) -> None:
    browser = desk.browser()
    before = desk.tree(), desk.git("rev-parse", "HEAD")
    assert browser.request(method, path, headers=headers).status_code == 403
    assert (desk.tree(), desk.git("rev-parse", "HEAD")) == before
    assert browser.get("/").status_code == 200  # the session goes on, so it wasn't logged out


def test_a_post_without_an_origin_is_refused(desk: Desk) -> None:
    browser = desk.browser()
    del browser.headers["origin"]
    assert browser.post("/logout").status_code == 403
    assert browser.get("/").status_code == 200


def test_no_other_origin_is_let_read(desk: Desk) -> None:
    browser = desk.browser()
    asked = {"access-control-request-method": "GET", "origin": "http://evil.example"}
    for answer in (browser.get("/"), browser.options("/", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_only_the_login_changes_something_by_get(desk: Desk) -> None:
    browser = desk.browser()
    head, tree = desk.git("rev-parse", "HEAD"), desk.tree()
    for method, path in ASKED:
        if method in ("GET", "HEAD"):
            browser.request(method, path)
    assert (desk.git("rev-parse", "HEAD"), desk.tree()) == (head, tree)
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/gone", "/static/style.css", "/login"])
def test_every_answer_has_a_strict_policy(desk: Desk, path: str) -> None:
    browser = desk.browser()
    policies = []
    for _ in range(2):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        policies.append(policy)
        nonce = re.findall(r"'nonce-([\w-]{20,})'", policy)
        assert len(set(nonce)) == 1
        assert "unsafe" not in policy
        assert "*" not in policy
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert policies[0] != policies[1]


def test_pages_ask_nothing_of_another_origin_and_carry_no_bare_script(desk: Desk) -> None:
    page = desk.browser().get("/")
    wanted = re.findall(
        r"<(?:link|script|img|form|iframe)\b[^>]*?(?:href|src|action)=\"([^\"]*)", page.text
    )
    assert wanted
    assert [url for url in wanted if not url.startswith("/") or url.startswith("//")] == []
    assert re.findall(r"<(?:script|style)(?![^>]*nonce=)[^>]*>", page.text) == []
    assert re.findall(r"\s(?:style|on\w+)=", page.text) == []


def test_a_long_body_is_refused(desk: Desk) -> None:
    browser = desk.browser()
    assert browser.post("/logout", content=b"x" * (MAX_BODY + 1)).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * (MAX_BODY // 16)

    assert browser.post("/logout", content=parts()).status_code == 413
    assert browser.get("/").status_code == 200


def test_no_websocket_is_opened(desk: Desk) -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert desk.browser().get("/", headers=upgrade).status_code == 200


def test_an_answer_waits_for_no_acknowledgement() -> None:
    listening = loopback()
    for server in listening:
        with (
            server,
            socket.create_connection(server.getsockname()[:2]),
            server.accept()[0] as accepted,
        ):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_program_listens_on_loopback_alone_and_prints_a_link_for_each_enter() -> None:
    """The real program, over a real socket; it ends at Ctrl-C."""
    argv = [sys.executable, "-m", "console", "--stack", "local"]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin
            assert process.stdout
            links = (
                found
                for line in process.stdout
                for found in re.findall(r"http://console\.localhost:(\d+)(/login\?link=\S+)", line)
            )
            port, link = next(links)
            process.stdin.write("\n")
            process.stdin.flush()
            _, another = next(links)
            assert another != link
            listening = {
                connection.laddr.ip
                for connection in psutil.Process(process.pid).net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
            assert listening <= {"127.0.0.1", "::1"}
            host = {"host": f"console.localhost:{port}"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=host) as client:
                assert client.get("/").status_code == 401
                assert client.get(link).status_code == 200
            with socket.create_connection(("127.0.0.1", int(port))) as raw:
                raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
                assert raw.recv(12).split()[1] in (b"400", b"421")
        finally:
            process.send_signal(2)
            assert process.wait(timeout=10) == 0
