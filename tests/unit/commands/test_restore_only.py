"""`make restore ONLY=pypi`: one component is stopped, gets its data, and starts again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from commands import probe, restore_only, restoring
from commands.__main__ import COMMANDS
from commands.backup_words import Heard
from commands.context import Context
from commands.error import CommandError
from config import loading
from host import engine
from tests.unit.program import own_config

SNAPSHOT = {"id": "0a1b2c3d4e5f", "time": "2026-11-27T03:17:00.5Z"}
MIB = 2**20


@dataclass
class Host:
    """A Docker host on which the package index runs."""

    done: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=lambda: {"": MIB, "pypi": MIB})
    free: int = 100 * MIB
    code: int = 0
    volumes: tuple[str, ...] = ("homeport-local-pypi", "homeport-local-registry")

    @property
    def containers(self) -> SimpleNamespace:
        def listed(*, filters: dict[str, str]) -> list[SimpleNamespace]:
            return [
                SimpleNamespace(
                    labels=labels,
                    stop=lambda: self.done.append(f"stop who has {filters['volume']}"),
                    start=lambda: self.done.append("start"),
                )
                for labels in ({}, {engine.THROWAWAY: "true"})
            ]

        return SimpleNamespace(list=listed)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()

    def look(_: Context, __: object, wanted: str, volumes: list[str], ___: object) -> Any:
        heard = Heard(say=print, clock=lambda: 0)
        disks = {name: {"id": 1, "free": host.free, "filled": True} for name in ("", *volumes)}
        heard.found = {"snapshot": SNAPSHOT, "sizes": host.sizes, "disks": disks}
        host.done.append(f"look {wanted}")
        return 0, heard

    @contextmanager
    def worker(_: Context, __: object, work: Any) -> Iterator[Any]:
        yield work

    def listen(work: Any, _: object) -> tuple[int, Heard]:
        host.done.append(" ".join(work.command))
        return host.code, Heard(say=print, clock=lambda: 0)

    def asked(_: Context) -> int:
        host.done.append("ask all URLs")
        return 0

    @contextmanager
    def opened(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(restore_only, "look", look)
    monkeypatch.setattr(restore_only, "worker", worker)
    monkeypatch.setattr(restore_only, "listen", listen)
    monkeypatch.setattr(restore_only, "networks", lambda _: [])
    monkeypatch.setattr(
        restore_only, "wait_for", lambda _, __, command: host.done.append(f"wait {command}")
    )
    monkeypatch.setattr(restore_only, "end_in_order", lambda: None)
    monkeypatch.setattr(restore_only, "opened_vault", opened)
    monkeypatch.setattr(
        restore_only,
        "put_back",
        lambda *given, **_: host.done.append(f"the vault gets {given[2].decode()}"),
    )
    monkeypatch.setattr(restore_only, "repository_of", lambda *_: SimpleNamespace())
    monkeypatch.setattr(restoring, "refuse", lambda _: None)
    monkeypatch.setattr(engine, "has_volume", lambda _, name: name in host.volumes)
    monkeypatch.setattr(engine, "exists", lambda *_: True)
    monkeypatch.setattr(engine, "unpack", lambda *_: [(None, b"a snapshot")])
    monkeypatch.setattr(probe, "run", asked)
    monkeypatch.setenv("YES", "1")
    return host


def a_context(host: Host, only: str, snapshot: str = "") -> Context:
    section = {"repository": "rest:http://x/", "password": "p" * 20}
    config = own_config("local", services=True) | {"backup": json.dumps(section)}
    context = Context("local", loading.of_files, {"snapshot": snapshot, "only": only})
    context.__dict__.update(estate=loading.load("local", config), docker=host)
    return context


def run(host: Host, only: str, snapshot: str = "") -> int:
    return COMMANDS["restore"][1](a_context(host, only, snapshot))


def test_a_component_is_stopped_gets_its_data_and_starts_again(host: Host) -> None:
    assert run(host, "pypi", "0a") == 0
    assert host.done == [
        "look 0a",
        "wait backup",
        "wait registry-gc",
        "stop who has homeport-local-pypi",
        "replace 0a1b2c3d4e5f",
        "start",
        "ask all URLs",
    ]


def test_it_starts_again_where_its_data_can_not_be_had(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.code = 1
    assert run(host, "pypi") == 1
    assert host.done[-1] == "start"
    assert "the data wasn't restored whole" in capsys.readouterr().err


def test_the_vault_gets_its_snapshot_while_it_runs(host: Host) -> None:
    assert run(host, "vault") == 0
    assert host.done == [
        "look ",
        "restore 0a1b2c3d4e5f",
        "the vault gets a snapshot",
        "ask all URLs",
    ]


@pytest.mark.parametrize("only", ["blog", "proxy", "content"])
def test_what_does_not_run_by_itself_is_refused(host: Host, only: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(host, only)
    assert str(refused.value) == (
        f"ONLY is {only!r}; must be one of alertmanager, prometheus, pypi, registry, vault"
    )
    assert host.done == []


def test_what_the_snapshot_lacks_is_refused(host: Host) -> None:
    with pytest.raises(CommandError, match=r"^snapshot 0a1b2c3d has nothing of registry$"):
        run(host, "registry")
    assert host.done == ["look "]


def test_too_little_room_is_refused(host: Host) -> None:
    host.free = MIB
    with pytest.raises(CommandError, match=r"^the new data comes beside the old: 2\.1 MiB are nee"):
        run(host, "pypi")
    assert host.done == ["look "]


def test_a_volume_that_is_not_there_is_refused(host: Host) -> None:
    host.volumes = ()
    with pytest.raises(CommandError, match="homeport-local-pypi isn't on the host; `make up` mak"):
        run(host, "pypi")


def test_nothing_is_changed_without_a_yes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: "prod")
    assert run(host, "pypi") == 1
    assert host.done == ["look "]
