"""`make restore`: what stands against it, in which order it works, and where it goes on."""

import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from hvac import exceptions

from commands import (
    backup,
    backup_container,
    bare_host,
    live,
    restore,
    restoring,
    up,
    vault_api,
)
from commands.backup_words import Heard
from commands.context import Context
from commands.error import CommandError
from commands.restore_words import Found, differences, failed, unknown
from config import loading
from host import engine, host_image
from tests.unit.program import own_config

SNAPSHOT = {"id": "0a1b2c3d4e5f", "time": "2026-11-27T03:17:00.5Z"}
MIB = 2**20


def disk(which: int, free: int, *, filled: bool = False) -> dict[str, object]:
    return {"id": which, "free": free, "filled": filled}


def found(sizes: Mapping[str, int], disks: Mapping[str, Mapping[str, object]]) -> Found:
    return Found(snapshot=SNAPSHOT, sizes=sizes, disks=disks)


# What is said


def test_what_is_restored_is_named_with_its_size() -> None:
    seen = found({"": MIB, "pypi": 2 * MIB}, {})
    assert seen.shown() == "snapshot 0a1b2c3d of 2026-11-27 03:17, 3.0 MiB"


def test_room_is_counted_by_disk() -> None:
    disks = {"": disk(1, 300 * MIB), "pypi": disk(1, 300 * MIB), "registry": disk(2, 100 * MIB)}
    sizes = {"": 10 * MIB, "pypi": 200 * MIB, "registry": 90 * MIB}
    assert found(sizes, disks).lacking(["pypi", "registry"]) == ""
    assert found({**sizes, "": 100 * MIB}, disks).lacking(["pypi", "registry"]) == (
        "315.0 MiB are needed, and 300.0 MiB are free"
    )
    assert found({**sizes, "registry": 100 * MIB}, disks).lacking(["pypi"]) == ""
    assert found({**sizes, "registry": 100 * MIB}, disks).lacking(["registry"]) == (
        "105.0 MiB are needed, and 100.0 MiB are free"
    )


def test_a_snapshot_that_is_not_there_is_told_with_those_that_are() -> None:
    older = {"id": "ffffffffff", "time": "2026-11-20T03:17:00Z"}
    assert unknown("ee", [older, SNAPSHOT], backup="make backup") == (
        "SNAPSHOT is 'ee', and there is no such snapshot; the newest are 0a1b2c3d, ffffffff"
    )
    assert unknown("", [], backup="make backup") == (
        "the repository has no snapshot of this stack; `make backup` makes one"
    )


def test_what_only_one_side_has_is_told() -> None:
    assert differences(["pypi", "proxy-data"], ["proxy-data", "registry"], file="P.yaml") == [
        "not restored: pypi, of which P.yaml says nothing",
        "not in the snapshot, so it begins empty: registry",
    ]


def test_why_data_was_not_restored_is_told() -> None:
    heard = Heard(say=print, clock=lambda: 0)
    assert failed(heard, again="make restore") == (
        "the data wasn't restored whole; `make restore` goes on with it: restic says no more"
    )
    heard.unread = [f"/data/{n}: no space left" for n in range(12)]
    assert failed(heard, again="make restore").splitlines()[:2] == [
        "the data wasn't restored whole; `make restore` goes on with it:",
        "  /data/0: no space left",
    ]
    assert failed(heard, again="make restore").endswith("\n  and 2 more")


def test_progress_of_a_restore_is_told() -> None:
    said: list[str] = []
    seconds = iter((0, 6))
    heard = Heard(say=said.append, clock=lambda: next(seconds))
    message = {"message_type": "status", "percent_done": 0.5}
    for _ in range(2):
        heard.take(json.dumps(message | {"total_bytes": 4 * MIB, "bytes_restored": 2 * MIB}))
    assert said == ["50%: 2.0 MiB of 4.0 MiB"]


# A host


@dataclass
class Volume:
    name: str
    attrs: dict[str, Any]
    on: "Host"

    def remove(self) -> None:
        del self.on.there[self.name]


@dataclass
class Host:
    """A Docker host with volumes; what is done to it and to the stack, in its order."""

    there: dict[str, Volume] = field(default_factory=dict)
    running: list[SimpleNamespace] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=lambda: {"": MIB, "pypi": MIB, "registry": MIB})
    filled: tuple[str, ...] = ()
    free: int = 100 * MIB
    code: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    """What is in the restore's own volume."""
    state: dict[str, Any] = field(default_factory=dict)
    imported: dict[str, Any] = field(default_factory=dict)

    @property
    def volumes(self) -> "Host":
        return self

    def get(self, name: str) -> Volume:
        if name not in self.there:
            raise docker.errors.NotFound("gone")
        return self.there[name]

    def create(self, name: str, *, labels: dict[str, str]) -> None:
        self.there[name] = Volume(name, {"Labels": labels}, self)
        self.done.append(f"create {name}")

    @property
    def containers(self) -> SimpleNamespace:
        return SimpleNamespace(list=lambda **_: self.running)

    def up(self) -> restore.Up:
        def update(_: Context, __: object, *arguments: str) -> int:
            self.done.append(" ".join(["up", *arguments]))
            return 0

        def whole(_: Context, __: object, ___: object) -> int:
            self.done.append("up")
            return 0

        return restore.Up(lambda _: {}, update, whole)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    host = Host()

    def pulumi(_: Context, *arguments: str) -> int:
        host.imported = json.loads(Path(arguments[-1]).read_text())
        host.done.append(" ".join(arguments[:2]))
        return 0

    @contextmanager
    def worker(_: Context, __: object, work: Any) -> Iterator[Any]:
        host.done.append(" ".join(work.command))
        yield work

    def listen(work: Any, _: object) -> tuple[int, Heard]:
        heard = Heard(say=print, clock=lambda: 0)
        heard.snapshots = [SNAPSHOT]
        if work.command[0] == "look" and SNAPSHOT["id"].startswith(work.command[1]):
            names = ["", *(one.volume for one in work.saved)]
            disks = {n: disk(1, host.free, filled=n in host.filled) for n in names}
            heard.found = {"snapshot": SNAPSHOT, "sizes": host.sizes, "disks": disks}
        elif work.command[0] == "restore":
            host.files |= {"done": b"x", "vault/vault.snap": b"snap"} if not host.code else {}
            return host.code, heard
        return 0, heard

    @contextmanager
    def opened(*_: object) -> Iterator[object]:
        yield None

    monkeypatch.setattr(restore, "ROOT", tmp_path)
    monkeypatch.setattr(restore, "pulumi", pulumi)
    monkeypatch.setattr(restore, "capture", lambda *_: json.dumps(host.state))
    monkeypatch.setattr(restore, "repository_of", lambda context, _: SimpleNamespace(
        section=context.settings.backup))  # fmt: skip
    for module in (restore, backup_container):
        monkeypatch.setattr(module, "worker", worker)
        monkeypatch.setattr(module, "listen", listen)
    monkeypatch.setattr(restore, "opened_vault", opened)
    monkeypatch.setattr(
        restore, "put_back", lambda *_, **__: host.done.append("the vault's snapshot")
    )
    monkeypatch.setattr(restore, "end_in_order", lambda: None)
    monkeypatch.setattr(bare_host, "prepare", lambda _: None)
    monkeypatch.setattr(engine, "has_volume", lambda _, name: name in host.there)
    monkeypatch.setattr(restoring, "read", lambda _, path: host.files.get(path, b""))
    monkeypatch.setattr(host_image, "bring", lambda *_: None)
    monkeypatch.setattr(live, "digests", dict)
    monkeypatch.setenv("YES", "1")
    return host


def a_context(host: Host, snapshot: str = "", **more: str) -> Context:
    section = {"repository": "rest:http://x/", "password": "p" * 20, **more}
    config = own_config("local", services=True) | {"backup": json.dumps(section)}
    context = Context("local", loading.of_files, {"snapshot": snapshot})
    context.__dict__.update(estate=loading.load("local", config), docker=host)
    return context


def run(host: Host, snapshot: str = "") -> int:
    return restore.run(a_context(host, snapshot), host.up())


OWN = "homeport-local-restore"
WHOLE = ["up --exclude **VaultContents**", "the vault's snapshot", "up"]


def test_data_comes_before_the_stack_and_the_vault_before_what_makes_values(host: Host) -> None:
    assert run(host) == 0
    assert host.done == [
        "look ",
        f"create {OWN}",
        "create homeport-local-registry",
        "create homeport-local-pypi",
        "restore 0a1b2c3d4e5f",
        *WHOLE,
    ]
    assert set(host.there) == {"homeport-local-registry", "homeport-local-pypi"}
    assert host.there["homeport-local-pypi"].attrs["Labels"] == {
        "homeport.stack": "homeport/local",
        "homeport.component": "pypi",
    }


def test_another_seal_key_is_told_with_the_command_that_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post(_: str, *, data: bytes = b"", **__: object) -> None:
        if data:
            raise exceptions.InvalidRequest("the snapshot is using a different autoseal key")

    answer = SimpleNamespace(json=lambda: {"data": {"policy": ""}})
    vault = SimpleNamespace(get=lambda _: answer, post=post)
    monkeypatch.setattr(restore, "opened_vault", lambda *_: nullcontext(vault))
    monkeypatch.setattr(restore, "put_back", vault_api.put_back)
    with pytest.raises(CommandError) as caught:
        run(host)
    assert str(caught.value) == (
        "the vault's snapshot in the backup was sealed with another key than "
        "homeport:vault.seal_key, and nothing was changed; set its key as "
        "homeport:vault.previous_seal_key, and type `make restore` again (docs/how-to/vault.md)"
    )
    assert OWN in host.there, "`make up` refuses"


def test_nothing_is_saved_each_day_before_the_vault_is_back(host: Host) -> None:
    assert restore.run(a_context(host, at="03:17"), host.up()) == 0
    later = "--exclude **VaultContents** --exclude **index:Backup**"
    assert host.done[-3:] == [f"up {later}", *WHOLE[1:]]


def test_what_a_killed_command_left_stands_against_nothing(host: Host) -> None:
    labels = {"homeport.component": "backup", "homeport.throwaway": "true"}
    host.running = [SimpleNamespace(name=OWN, labels=labels)]
    assert run(host) == 0


def test_without_a_snapshot_of_the_vault_the_stack_is_brought_up_once(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "read", lambda _, path: b"x" if path == "done" else b"")
    run(host)
    assert host.done[-1] == "up"
    assert not [done for done in host.done if "exclude" in done]


@pytest.mark.parametrize("files", [{}, {"done": b"x", "vault/vault.snap": b"snap"}])
def test_a_restore_that_was_ended_goes_on_where_it_was(host: Host, files: dict[str, bytes]) -> None:
    labels = {restoring._SNAPSHOT: SNAPSHOT["id"]}
    host.there[OWN] = Volume(OWN, {"Labels": labels}, host)
    host.files = dict(files)
    host.filled = ("pypi",)
    host.state = {"deployment": {"resources": [{}]}}
    host.running = [SimpleNamespace(name="proxy", labels={"homeport.component": "proxy"})]
    assert run(host) == 0
    assert host.done[-3:] == WHOLE
    assert ("restore 0a1b2c3d4e5f" in host.done) == (not files)
    assert not host.imported, "the state is that of this restore"
    assert OWN not in host.there


def test_what_restic_can_not_restore_brings_nothing_up(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.code = 1
    assert run(host) == 1
    assert host.done[-1] == "restore 0a1b2c3d4e5f"
    assert OWN in host.there
    assert "`make restore` goes on with it" in capsys.readouterr().err


def refusal(host: Host, snapshot: str = "") -> str:
    with pytest.raises(CommandError) as refused:
        run(host, snapshot)
    assert [done for done in host.done if not done.startswith("look")] == []
    return str(refused.value)


def test_a_stack_with_containers_is_refused(host: Host) -> None:
    host.running = [SimpleNamespace(name="proxy-1", labels={"homeport.component": "proxy"})]
    assert refusal(host) == (
        "stack local has containers: proxy-1. Nothing was changed. A restore needs a host without "
        "the stack: `make down` takes it down, and `make purge` deletes its data"
    )


@pytest.mark.parametrize("name", ["pypi", "vault-data"])
def test_a_volume_with_data_is_refused(host: Host, name: str) -> None:
    host.filled = (name, "content")
    assert refusal(host) == (
        f"stack local has data in homeport-local-{name}. Nothing was changed. `make purge` deletes "
        "it; a restore needs empty volumes"
    )


def test_a_disk_without_room_is_refused(host: Host) -> None:
    host.free = 2 * MIB
    assert refusal(host) == (
        "snapshot 0a1b2c3d of 2026-11-27 03:17, 3.0 MiB: 3.1 MiB are needed, and 2.0 MiB are free "
        "on a disk of unix:///var/run/docker.sock. Nothing was changed; make room there"
    )


def test_a_snapshot_that_is_not_there_is_refused(host: Host) -> None:
    assert refusal(host, "ee").startswith("SNAPSHOT is 'ee', and there is no such snapshot; ")


def test_another_snapshot_than_the_one_that_is_half_there_is_refused(host: Host) -> None:
    host.there[OWN] = Volume(OWN, {"Labels": {restoring._SNAPSHOT: "ffffffffffff"}}, host)
    assert refusal(host, "0a") == (
        "SNAPSHOT is '0a', and the stack has half of snapshot ffffffff; `make restore` goes on "
        "with that. `make down` and `make purge` give it up"
    )


@pytest.mark.parametrize("command", [up.run, backup.run])
def test_half_a_restore_is_neither_brought_up_nor_saved(
    host: Host, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    host.there[OWN] = Volume(OWN, {"Labels": {restoring._SNAPSHOT: "ffffffffffff"}}, host)
    monkeypatch.setattr(Context, "is_bare", lambda _: False)
    monkeypatch.setattr(backup, "secret", lambda *_: json.dumps({"password": "p" * 20}))
    with pytest.raises(CommandError, match=r"^stack local has half of snapshot ffffffff; nothing "):
        command(a_context(host))


def test_nothing_is_changed_without_a_yes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: "prod")
    assert run(host) == 1
    assert host.done == ["look "]
    monkeypatch.setattr("builtins.input", lambda _: "local")
    assert run(host) == 0


def test_the_state_of_the_host_that_is_gone_is_kept(host: Host, tmp_path: Path) -> None:
    host.state = {
        "version": 3,
        "deployment": {
            "manifest": {"magic": "m"},
            "secrets_providers": {"type": "passphrase"},
            "resources": [{"urn": "u"}],
            "pending_operations": [{}],
        },
    }
    assert run(host) == 0
    assert host.done[1] == "stack import"
    assert host.imported == {
        "version": 3,
        "deployment": {"manifest": {"magic": "m"}, "secrets_providers": {"type": "passphrase"}},
    }
    (kept,) = (tmp_path / ".engine/states").iterdir()
    assert json.loads(kept.read_text()) == host.state
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_new_laptop_takes_over_the_state(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = {"version": 3, "deployment": {"resources": [{"urn": "u"}]}}
    asked: list[str] = []

    def unpack(_: object, path: str) -> list[tuple[None, bytes]]:
        asked.append(path)
        return [(None, json.dumps(saved).encode())]

    monkeypatch.setattr(engine, "unpack", unpack)
    monkeypatch.setattr(restore, "networks", lambda _: ["services-1"])
    assert restore.state(a_context(host)) == 0
    assert asked == ["/copies/stack/state.json"]
    assert host.imported == saved
    assert host.done == ["look ", "restore 0a1b2c3d4e5f", "stack import"]
    assert capsys.readouterr().out == (
        "stack local has the state of 2026-11-27 03:17 again; `make drift` shows what changed on "
        "the host since then\n"
    )


def test_a_state_that_knows_something_stays(host: Host) -> None:
    host.state = {"deployment": {"resources": [{}, {}]}}
    with pytest.raises(CommandError, match="has a state, of 2 resources, and nothing was changed"):
        restore.state(a_context(host))
    assert host.done == []


def test_a_stack_without_a_state_gets_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[str | None] = [None, "{}"]
    made: list[Sequence[str]] = []

    def pulumi(_: Context, *arguments: str) -> int:
        made.append(arguments)
        return 0

    monkeypatch.setattr(restore, "capture", lambda *_: states.pop(0))
    monkeypatch.setattr(restore, "pulumi", pulumi)
    assert run(host) == 0
    assert made == [("stack", "init", "--no-select")]
