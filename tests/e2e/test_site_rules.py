"""What a visitor gets to see of a site with rules: never past them, and never a program's text."""

from __future__ import annotations

import http.client
import re
import socket
import ssl

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import HOSTINGS, KEPT, TEXTS
from tests.e2e.support.client import Http

# Once is enough: what a site answers doesn't depend on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

SHELVES = [f"shelf-{hosting}" for hosting in HOSTINGS]
"""The same site, in a container and without one."""
RUNS = {
    "/": ("index.php", ""),
    "/index.php": ("index.php", ""),
    "/index.php/x": ("index.php", "/x"),
    "/index.php/": ("index.php", "/"),
    "/index.php/admin/tool.php": ("index.php", "/admin/tool.php"),
    "/index.php%2fadmin%2ftool.php": ("index.php", "/admin/tool.php"),
    "/index.php/a%20b/%3f%25": ("index.php", "/a b/?%"),
    "/wiki/page.php/admin/tool.php": ("page.php", "/admin/tool.php"),
    "/wiki//page.php//x": ("page.php", "/x"),
    "/wiki/page.php/a.php/b": ("page.php", "/a.php/b"),
    "/rewritten/x": ("page.php", "/rewritten/x"),
    "/two%20words.php/x": ("two words.php", "/x"),
    "/100%2525.php/x": ("100%25.php", "/x"),
    "/folder.php/tool.php": ("tool.php", ""),
    "/folder.php/tool.php/x": ("tool.php", "/x"),
    "/folder.php/": ("index.php", ""),
    "/nothing": ("index.php", ""),
    "/nothing.php": ("index.php", ""),
    "/photo.php.jpg/x.php": ("index.php", ""),
    "/xmlrpc.php/..": ("index.php", ""),
    "/.git/hook": ("index.php", ""),
    "/stripped/wiki/page.php/x": ("page.php", "/x"),
    "//evil.example/..%2fadmin%2f..%2ffolder.php": ("index.php", ""),
}
"""The script that runs, and its PATH_INFO."""
GUARDED = {
    "/admin/tool.php": 401,
    "/admin/": 401,
    "/admin/tool.php/x": 401,
    "/admin%2ftool.php": 401,
    "/admin//tool.php": 401,
    "//admin/tool.php": 401,
    "/ADMIN/tool.php": 401,
    "/./admin/tool.php": 401,
    "/index.php/../admin/tool.php": 401,
    "/index.php/..%2fadmin%2ftool.php/x": 401,
    "/index.php/inner/x": 401,
    "/xmlrpc.php": 403,
    "/xmlrpc.php/": 403,
    "/xmlrpc.php/.": 403,
    "/xmlrpc.php/x": 403,
    "/xmlrpc.php//x": 403,
    "/xmlrpc.php%2fx": 403,
    "/XMLRPC.php": 403,
    "/index.php/../xmlrpc.php": 403,
    "/up.PHP": 403,
    # Where the owner's lines themselves change the path.
    "/app/wiki/page.php": 403,
    "/app/wiki/page.php/x": 403,
    "/stripped/xmlrpc.php": 403,
    "/stripped/xmlrpc.php/x": 403,
    "/xmlrpc.php/%0a": 403,
}
"""What nobody gets past, whatever the spelling."""
FORGED = dict.fromkeys(
    (
        *(
            "Forwarded",
            "X-Real-IP",
            "X-Client-IP",
            "Client-IP",
            "True-Client-IP",
            "X-Cluster-Client-IP",
        ),
        *(
            "CF-Connecting-IP",
            "Fastly-Client-IP",
            "X-Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Port",
        ),
        *("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Prefix"),
        *(
            "X-Forwarded-User",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Original-Host",
            "X-Host",
            "HTTPS",
        ),
        *("Front-End-Https", "X-Url-Scheme", "X-Scheme", "Proxy", "Remote-User", "X-Remote-User"),
        *("X_Real_IP", "X.Real.IP", "Remote-Addr", "X-Original-Forwarded-For", "X-Envoy-Client"),
    ),
    "198.51.100.7",
)
"""What a visitor may make up: gateways set these, and programs believe them."""


@pytest.mark.parametrize("path", RUNS)
def test_a_script_is_the_file_that_the_path_names(estate: Checkout, path: str) -> None:
    script, behind = RUNS[path]
    status, text = ask(estate, "walled", path)
    if script:
        assert text.startswith(f"ran {script} with {behind}."), text[:200]
    assert status == (200 if script else 404)


@pytest.mark.parametrize("path", GUARDED)
def test_rules_see_the_path_that_runs(estate: Checkout, path: str) -> None:
    status, text = ask(estate, "walled", path)
    assert status == GUARDED[path]
    assert "ran " not in text


@pytest.mark.parametrize("below", ["/", "/all/", "/pub/../"])
@pytest.mark.parametrize("site", ["walled", *SHELVES])
def test_what_programs_keep_beside_pages_is_not_sent(
    estate: Checkout, site: str, below: str
) -> None:
    for name in KEPT:
        status, text = ask(estate, site, below + name)
        assert "marker" not in text, name
        assert status in (400, 404), name


@pytest.mark.parametrize("shelf", SHELVES)
def test_a_rewrite_does_not_show_what_is_hidden(estate: Checkout, shelf: str) -> None:
    assert ask(estate, shelf, "/renamed")[0] == 404
    assert ask(estate, shelf, "/.well-known/here.txt") == (200, "marker-of-shelf")


@pytest.mark.parametrize(
    ("site", "path"),
    [
        *((shelf, path) for shelf in SHELVES for path in ("/", "/all/")),
        ("walled", "/all/"),
        ("walled", "/pub/"),
    ],
)
def test_listings_show_nothing_of_it(estate: Checkout, site: str, path: str) -> None:
    status, text = ask(estate, site, path)
    assert status == 200
    names = re.findall(r'href="\./([^"]+)"', text)
    assert names, "there is something to see"
    assert not [name for name in names if name.startswith(".") and name != ".well-known/"]
    assert site in SHELVES or not [name for name in names if name.lower().endswith(".php")]


@pytest.mark.parametrize(
    "path",
    [
        *(f"/{name}" for name in TEXTS),
        *(f"/all/{name}" for name in TEXTS),
        "/pub/secret.php",
        "/as-files/nothing",
        "/as-files/../index.php.bak",
        "/all/index.php",
        "/all/folder.php/tool.php",
        "/all/up.PHP",
    ],
)
def test_no_program_is_sent_as_text(estate: Checkout, path: str) -> None:
    status, text = ask(estate, "walled", path)
    assert "marker-of-source" not in text
    assert "<?php" not in text
    assert status in (400, 403, 404)


def test_files_beside_scripts_are_sent(estate: Checkout) -> None:
    for path in ("/photo.php.jpg", "/folder.php/style.css"):
        assert ask(estate, "walled", path) == (200, "marker-of-source")
    status, text = ask(estate, "walled", "/folder.php")
    assert (status, text) == (308, "")


@pytest.mark.parametrize("path", ["/moved/a?b=c", "/wiki/page.php/x?away=1"])
def test_a_redirect_goes_to_all_that_was_asked_for(estate: Checkout, path: str) -> None:
    answer = estate.get(estate.url("walled").rstrip("/") + path)
    assert answer.headers["location"] == f"https://elsewhere.example.net{path}"


@pytest.mark.parametrize("shelf", SHELVES)
def test_text_of_an_owner_is_sent_as_it_is_written(estate: Checkout, shelf: str) -> None:
    assert ask(estate, shelf, "/text") == (200, "{$HOME} import")


@pytest.mark.parametrize("http", ["1.1", "3"])
def test_a_script_is_told_of_the_visitor_what_is_true(estate: Checkout, http: Http) -> None:
    url = estate.url("walled") + "index.php/x?a=b"
    answer = estate.get(url, http=http, headers=FORGED).text
    told = dict(line.split("=", 1) for line in answer.split("\n")[1:])
    assert not [name for name, value in told.items() if "198.51.100.7" in value]
    visitor = told["REMOTE_ADDR"]
    assert told["HTTP_X_FORWARDED_FOR"] == visitor
    assert {
        "REMOTE_HOST": visitor,
        "REQUEST_SCHEME": "https",
        "HTTPS": "on",
        "SERVER_PORT": str(estate.https),
        "SERVER_NAME": "walled.localhost",
        "HTTP_HOST": f"walled.localhost:{estate.https}",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": f"walled.localhost:{estate.https}",
        "SCRIPT_NAME": "/index.php",
        "PHP_SELF": "/index.php/x",
        "REQUEST_URI": "/index.php/x?a=b",
        "QUERY_STRING": "a=b",
    }.items() <= told.items()
    assert not [name for name in told if name in ("REMOTE_PORT", "HTTP_PROXY") and told[name]]


def ask(estate: Checkout, host: str, path: str) -> tuple[int, str]:
    """The answer to a path that is sent as it is written: other clients tidy it up."""
    context = ssl.create_default_context(cafile=estate.ca)
    name = f"{host}.localhost"
    client = http.client.HTTPSConnection(estate.place.address, estate.https, timeout=10)
    plain = socket.create_connection((estate.place.address, estate.https), timeout=10)
    client.sock = context.wrap_socket(plain, server_hostname=name)
    try:
        client.putrequest("GET", path, skip_host=True)
        client.putheader("Host", f"{name}:{estate.https}")
        client.endheaders()
        answer = client.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        client.close()
