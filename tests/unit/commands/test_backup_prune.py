"""`make backup-prune`: what it shows, when it removes, and what it says of what stays."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from commands import backup
from commands.backup_container import Work
from commands.backup_words import Heard
from commands.context import Context
from commands.error import CommandError
from config import loading
from host import engine
from tests.unit.program import own_config

OLD = [{"id": f"{letter * 8}", "time": "2025-03-01T03:17:00Z"} for letter in "ab"]
KEPT = [{"id": "c" * 8, "time": "2026-03-01T03:17:00Z"}]
OWNER = {"RESTIC_REST_PASSWORD": "owner-s3cret"}
SECTION = {"repository": "rest:https://x.org/", "password": "p" * 20, "prune_env": OWNER}


@dataclass
class Store:
    """What the containers do, by their command."""

    remove: list[dict[str, Any]] = field(default_factory=lambda: list(OLD))
    there: list[dict[str, Any]] = field(default_factory=lambda: [*OLD, *KEPT])
    refuses: bool = False
    knows_owner: bool = True
    codes: dict[str, int] = field(default_factory=dict)
    ran: list[tuple[str, bool]] = field(default_factory=list)
    keep: Any = None

    @contextmanager
    def container(self, _context: Context, _told: object, work: Work) -> Iterator[str]:
        (command,) = work.command
        self.ran.append((command, work.here))
        self.keep = work.more["keep"]
        yield command

    def followed(self, command: str, _repository: object) -> tuple[int, Heard]:
        heard = Heard(say=print, clock=lambda: 0)
        if command == "forget":
            heard.snapshots = [{"keep": KEPT, "remove": self.remove}]
            if not self.knows_owner:
                heard.last = "unexpected HTTP response (401): 401 Unauthorized"
        elif command == "prune" and self.refuses:
            heard.last = "unexpected HTTP response (403): 403 Forbidden"
        elif command == "prune":
            self.there = KEPT
        elif command == "list":
            heard.snapshots = self.there
        return self.codes.get(command, 0), heard


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(backup, "worker", made.container)
    monkeypatch.setattr(backup, "listen", made.followed)
    monkeypatch.setattr(backup, "networks", lambda _: [])
    monkeypatch.setattr(backup, "secret", lambda *_: json.dumps(SECTION))
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    return made


def run(stack: str = "prod") -> int:
    config = {key: text for key, text in own_config(stack).items() if key != "tls"}
    config |= {"backup": json.dumps(SECTION), "tls": '{"issuer": "internal"}'}
    context = Context(stack, loading.of_files)
    context.__dict__["estate"] = loading.load(stack, config)
    return backup.prune(context)


def test_what_is_too_old_is_shown_and_removed_after_a_yes_on_this_machine(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    assert run() == 0
    assert asked == ["Snapshots to remove for good: 2; to keep: 1. Go on? [y/N] "]
    said = capsys.readouterr().out
    assert "aaaaaaaa  2025-03-01 03:17" in said
    assert "cccccccc" not in said
    assert said.endswith("snapshots removed: 2\n")
    # The host is reached over SSH, and may not see the credential.
    assert store.ran == [("forget", True), ("prune", True), ("list", True)]
    assert store.keep == {"daily": "14d", "weekly": "2m", "monthly": "1y"}


def test_without_a_yes_nothing_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert run() == 0
    assert store.ran == [("forget", True)]


def test_nobody_is_asked_where_nothing_is_too_old(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.remove = []
    assert run() == 0
    assert capsys.readouterr().out == "no snapshot is too old; kept: 1\n"


@pytest.mark.parametrize("code", [0, 1])
def test_a_server_that_removes_nothing_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """To restic it is a failure where it removes other files besides."""
    monkeypatch.setenv("YES", "1")
    store.refuses, store.codes["prune"] = True, code
    with pytest.raises(CommandError, match=r"^still there: aaaaaaaa, bbbbbbbb, because the server"):
        run()


@pytest.mark.parametrize("command", ["forget", "prune"])
def test_a_failure_has_its_sentence_and_code(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setenv("YES", "1")
    store.codes[command] = 11
    assert run() == 11
    assert "is locked by somebody" in capsys.readouterr().err


def test_a_server_that_does_not_know_the_credential_is_told_with_its_setting(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.knows_owner, store.codes["forget"] = False, 1
    assert run() == 1
    said = capsys.readouterr().err
    assert said.endswith("Unauthorized; set homeport:backup.prune_env to what opens the server\n")


def test_without_docker_here_the_credential_goes_nowhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "reachable", lambda _: False)
    with pytest.raises(CommandError, match=r"may not come to the host.*start it, and type this"):
        run()
    assert store.ran == []


def test_a_local_stack_works_on_its_host(store: Store) -> None:
    assert run("local") == 0
    assert {here for _, here in store.ran} == {False}


def test_the_credential_that_deletes_is_the_one_that_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"RESTIC_REST_USERNAME": "prod", "RESTIC_REST_PASSWORD": "mine"}
    section = json.dumps({**SECTION, "env": env})
    told: list[Any] = []

    @contextmanager
    def container(_context: Context, repository: Any, *_: object, **__: object) -> Iterator[str]:
        told.append(repository)
        yield "forget"

    monkeypatch.setattr(backup, "secret", lambda *_: section)
    monkeypatch.setattr(backup, "worker", container)
    store.remove = []
    assert run() == 0
    (repository,) = told
    assert repository.environment["RESTIC_REST_PASSWORD"] == OWNER["RESTIC_REST_PASSWORD"]
    assert repository.environment["RESTIC_REST_USERNAME"] == "prod"
    assert OWNER["RESTIC_REST_PASSWORD"] in repository.secrets
