"""Where names lead: what was seen is told, in bounded time, and nothing that can't be known."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from commands import name_lookup
from commands.name_lookup import Addresses, addresses_of, addresses_of_host, begin, sentence
from config import edited, loading
from config.estate import Estate
from tests.unit.program import an_estate, own_config

HOST = frozenset(["198.51.100.4"])
OTHER = "hosts: [other.example.net]\nsource: {folder: sites/blog}\n"
GLOBAL = frozenset(["8.8.8.8"])


@pytest.mark.parametrize(
    ("leads", "host", "told"),
    [
        (None, GLOBAL, "DNS gave no answer within 3 s"),
        (frozenset(), GLOBAL, "DNS has no address for it, so visitors won't get there yet."),
        (GLOBAL, GLOBAL, "blog.example.org leads to the host, 8.8.8.8."),
        (
            GLOBAL | {"2001:db8::1"},
            GLOBAL,
            "leads to the host, 8.8.8.8, and to 2001:db8::1 as well.",
        ),
        (
            frozenset(["1.1.1.1", "9.9.9.9"]),
            GLOBAL,
            "leads to 1.1.1.1 and 9.9.9.9, and the host is 8.8.8.8: visitors won't get there yet, "
            "unless the one passes them on to the other.",
        ),
        (GLOBAL, None, "leads to 8.8.8.8. Where the host is can't be told from here."),
    ],
)
def test_a_sentence_says_what_was_seen(
    leads: Addresses | None, host: Addresses | None, told: str
) -> None:
    assert told in sentence("blog.example.org", leads, host)


@pytest.mark.parametrize("private", ["192.168.1.5", "10.0.0.7", "fd00::7", "100.64.0.9"])
def test_a_host_behind_nat_raises_no_alarm(private: str) -> None:
    told = sentence("blog.example.org", GLOBAL, frozenset([private]))
    assert "its public one isn't known" in told
    assert "won't" not in told


def an_estate_with(root: Path, *hosts: str, **settings: object) -> Estate:
    text = f"hosts: [{', '.join(hosts)}]\nsource: {{folder: sites/blog}}\n"
    an_estate(root, {"blog.yaml": text, "other.yaml": OTHER})
    return loading.load("prod", {**own_config("prod"), **settings}, root, {})


@pytest.fixture
def of_blog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview of the site `blog`."""
    file = tmp_path / "edited.json"
    file.write_text(json.dumps({"blog.yaml": "whatever"}))
    monkeypatch.setenv(edited.VARIABLE, str(file))


@pytest.mark.usefixtures("of_blog")
def test_names_of_the_edited_site_are_asked_and_local_ones_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root := tmp_path / "root").mkdir()
    asked: list[str] = []

    def resolve(name: str) -> Addresses:
        asked.append(name)
        return HOST

    monkeypatch.setattr(name_lookup, "addresses_of", resolve)
    monkeypatch.setattr(name_lookup, "addresses_of_host", lambda _: HOST)
    estate = an_estate_with(
        root, "www.example.net", "me.localhost", "nas.local", "a.home.arpa", "b.test"
    )
    told = begin("prod", estate)()
    assert told == ["www.example.net leads to the host, 198.51.100.4."]
    assert asked == ["www.example.net"]


@pytest.mark.usefixtures("of_blog")
def test_a_stack_that_contacts_nothing_outside_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root := tmp_path / "root").mkdir()
    monkeypatch.setattr(name_lookup, "addresses_of", pytest.fail)
    assert (
        begin(
            "prod",
            an_estate_with(root, "www.example.net", outside=False, tls={"issuer": "internal"}),
        )()
        == []
    )


@pytest.mark.usefixtures("of_blog")
def test_dns_that_is_silent_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root := tmp_path / "root").mkdir()
    monkeypatch.setattr(name_lookup, "PATIENCE", 0.3)
    monkeypatch.setattr(name_lookup, "addresses_of", lambda _: time.sleep(5))
    monkeypatch.setattr(name_lookup, "addresses_of_host", lambda _: time.sleep(5))
    began = time.monotonic()
    told = begin("prod", an_estate_with(root, "www.example.net", "example.net"))()
    assert time.monotonic() - began < 2
    assert [line.partition(":")[0] for line in told] == ["example.net", "www.example.net"]


def test_what_dns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(code: int) -> Any:
        def fails(*_: object, **__: object) -> None:
            raise socket.gaierror(code, "said")

        return fails

    assert "127.0.0.1" in addresses_of("localhost")
    monkeypatch.setattr(socket, "getaddrinfo", answers(socket.EAI_NONAME))
    assert addresses_of("nobody.example.org") == frozenset()
    monkeypatch.setattr(socket, "getaddrinfo", answers(socket.EAI_AGAIN))
    with pytest.raises(OSError, match="said"):
        addresses_of("nobody.example.org")


def test_where_the_host_is() -> None:
    assert "127.0.0.1" in addresses_of_host("unix:///var/run/docker.sock")
    assert addresses_of_host("ssh://root@127.0.0.2:22") == frozenset(["127.0.0.2"])
