"""Lines that don't work, or shouldn't: each stops in preview, naming its own file and line."""

from __future__ import annotations

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_SITE = "hosts: [bad]\nsource: {folder: sites/alpha}\n"
_BAD_LINES = {
    "a misspelt directive": ("respnod 200", 4, "respnod"),
    "a second bad line": ("header X-Good yes\n  respnod 200", 5, "respnod"),
    "another host": ("}\n  http://other.localhost:80 {\n  respond stolen", 4, "own block"),
    "another port": ("}\n  :81 {\n  respond stolen", 4, "own block"),
    "the environment when read": ("respond {$HOME}", 4, "environment"),
    "the environment when asked": ("respond {env.HOME}", 4, "{env.HOME}"),
    "a file of the server": ("respond {file./etc/passwd}", 4, "{file./etc/passwd}"),
    "an imported file": ("import /etc/caddy/current/Caddyfile", 4, "import"),
    "templates": ("templates", 4, "templates"),
    "another root": ("root * /etc", 4, "/etc"),
}
_BAD_FILES = {
    "an unknown field": (_SITE + "colour: red\n", 3, "colour"),
    "an empty list of hosts": ("hosts: []\nsource: {folder: sites/alpha}\n", 1, "hosts"),
    "a folder that is not there": ("hosts: [bad]\nsource: {folder: sites/none}\n", 2, "sites/none"),
    "a redirect with lines": (
        "hosts: [bad]\nredirect: {to: https://example.net}\ncaddyfile: header X y\n",
        None,
        "caddyfile",
    ),
    "no YAML": ("hosts: [bad\n", 2, "is not YAML"),
    "a host of another site": ("hosts: [alpha]\nsource: {folder: sites/new}\n", None, "alpha.yaml"),
}


@pytest.mark.parametrize("what", _BAD_LINES)
def test_bad_free_lines_stop_in_preview(estate: Checkout, what: str) -> None:
    lines, number, said = _BAD_LINES[what]
    text = _SITE + f"caddyfile: |\n  {lines}\n"
    _assert_stops(estate, text, number, said)


@pytest.mark.parametrize("what", _BAD_FILES)
def test_a_bad_site_file_stops_in_preview(estate: Checkout, what: str) -> None:
    text, number, said = _BAD_FILES[what]
    _assert_stops(estate, text, number, said)


def test_a_missing_folder_of_the_host_stops_in_preview_and_is_not_made(estate: Checkout) -> None:
    text = "hosts: [bad]\nsource: {host_folder: /nowhere/on/this/host}\n"
    _assert_stops(estate, text, None, "/nowhere/on/this/host")
    _assert_stops(estate, text, None, "no such folder")  # still not there


def _assert_stops(estate: Checkout, text: str, number: int | None, said: str) -> None:
    before = containers.leftovers(estate.docker, estate.label)
    file = estate.write_site("bad", text)
    try:
        done = estate.pulumi("preview", check=False)
    finally:
        file.unlink()
    assert done.returncode != 0
    place = "config/sites/bad.yaml" + (f":{number}" if number else "")
    assert place in done.stdout, done.stdout
    assert said in done.stdout, done.stdout
    assert "Traceback" not in done.stdout
    assert containers.leftovers(estate.docker, estate.label) == before
