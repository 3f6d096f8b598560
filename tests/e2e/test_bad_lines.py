"""Lines that don't work, or shouldn't: each stops in preview, naming its own file and line."""

from __future__ import annotations

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.refused import assert_names, refused_preview

# Files and lines don't depend on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_SITE = "hosts: [{name}]\nsource: {{folder: sites/alpha}}\n"
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
    "an empty list of hosts": ("hosts: []\nsource: {{folder: sites/alpha}}\n", 1, "hosts"),
    "a folder that is not there": (
        "hosts: [{name}]\nsource: {{folder: sites/none}}\n",
        2,
        "sites/none",
    ),
    "a redirect with lines": (
        "hosts: [{name}]\nredirect: {{to: https://example.net}}\ncaddyfile: header X y\n",
        None,
        "caddyfile",
    ),
    "no YAML": ("hosts: [{name}\n", 2, "is not YAML"),
    "a host of another site": (
        "hosts: [alpha]\nsource: {{folder: sites/new}}\n",
        None,
        "alpha.yaml",
    ),
}


@pytest.fixture(scope="module")
def said_of_files(estate: Checkout) -> str:
    """What a preview says of all bad files: they are read together, before anything else."""
    return refused_preview(
        estate,
        {_name(what): text.format(name=_name(what)) for what, (text, _, _) in _BAD_FILES.items()},
    )


@pytest.mark.parametrize("what", _BAD_FILES)
def test_a_bad_site_file_stops_in_preview(said_of_files: str, what: str) -> None:
    _, number, said = _BAD_FILES[what]
    assert_names(said_of_files, _name(what), number, said)


@pytest.fixture(scope="module")
def said_of_lines(estate: Checkout) -> str:
    """What a preview says of all bad lines: they are asked about together, before anything else."""
    text = _SITE + "caddyfile: |\n  {lines}\n"
    return refused_preview(
        estate,
        {
            _name(what): text.format(name=_name(what), lines=lines)
            for what, (lines, _, _) in _BAD_LINES.items()
        },
    )


@pytest.mark.parametrize("what", _BAD_LINES)
def test_bad_free_lines_stop_in_preview(said_of_lines: str, what: str) -> None:
    _, number, said = _BAD_LINES[what]
    assert_names(said_of_lines, _name(what), number, said)


def _name(what: str) -> str:
    return what.replace(" ", "-").lower()
