"""What the vault starts with, what is told of a start that failed, and the commands around it."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from hvac import exceptions
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from commands import vault_api, vault_key, vault_reset, vault_snapshot
from commands.context import Context
from commands.error import CommandError
from components.vault.backup_role import program_policy
from components.vault.server_config import PROGRAM_POLICY, VaultKeys, configuration, secret_files
from components.vault.server_reason import failed_half_way, vault_reason
from config import loading
from config.model import ConfigError
from config.settings import Settings
from host import engine
from tests.unit.approved import GOLDEN, approved
from tests.unit.program import Graph, an_estate, own_config, run_main
from tests.unit.vault_snapshots import a_snapshot

KEYS = VaultKeys(
    seal_key="0a" * 32, previous_seal_key=None, role_id="the-role-id", secret_id="the-secret-id"
)
ROTATED = VaultKeys(
    seal_key="1b" * 32,
    previous_seal_key="0a" * 32,
    role_id="the-role-id",
    secret_id="the-secret-id",
)


# Configuration


@pytest.mark.parametrize(("keys", "golden"), [(KEYS, "vault.hcl"), (ROTATED, "vault-rotated.hcl")])
def test_the_configuration_is_the_approved_one(keys: VaultKeys, golden: str) -> None:
    made = configuration(keys)
    assert made == approved(GOLDEN / golden, made)


@pytest.mark.parametrize("keys", [KEYS, ROTATED])
def test_keys_are_in_files_of_their_own_that_the_configuration_names(keys: VaultKeys) -> None:
    text, files = configuration(keys), secret_files(keys)
    for name, secret in files.items():
        assert secret not in text
        assert f"/etc/openbao/current/{name}" in text
    named = set(re.findall(r"/etc/openbao/current/([\w.-]+)", text))
    assert named == set(files)


def test_a_key_has_the_same_id_whether_it_is_the_current_or_the_previous_one() -> None:
    ids = [re.findall(r'_key_id = "(\w+)"', configuration(keys)) for keys in (KEYS, ROTATED)]
    assert ids[0] == [ids[1][1]]
    assert len(set(ids[1])) == 2


def test_no_right_of_the_program_loses_what_the_vault_holds() -> None:
    assert "sudo" not in PROGRAM_POLICY
    rights = dict(re.findall(r'path "(.*)" \{ capabilities = \[(.*)\] \}', PROGRAM_POLICY))
    assert not [path for path in rights if path.startswith(("sys/mounts", "services/destroy"))]
    assert not [p for p, can in rights.items() if p.startswith("services/") and "delete" in can]


# Settings


def a_root(folder: Path) -> Path:
    """Files that declare nothing."""
    root = an_estate(folder, {})
    (root / "config/vault.yaml").unlink()
    return root


def settings(**section: object) -> Settings:
    return Settings.parse("prod", {**own_config("prod"), "vault": section})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seal_key", "0a" * 31),
        ("seal_key", "XY" * 32),
        ("role_id", "short"),
        ("secret_id", "a b" * 9),
    ],
)
def test_a_secret_of_another_form_is_refused_and_never_shown(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(**{key: value})
    assert re.fullmatch(
        rf"Pulumi\.prod\.yaml: homeport:vault\.{key} is \[secret\]: must be .* as "
        "`make vault-key STACK=prod` makes them",
        str(caught.value),
    )


def test_a_preview_without_the_secrets_names_the_command_that_makes_them(tmp_path: Path) -> None:
    section = {"seal_key": "0a" * 32}
    with pytest.raises(pulumi.RunError) as caught:
        run_main("prod", a_root(tmp_path), settings={"vault": section})
    assert str(caught.value) == (
        "Pulumi.prod.yaml: homeport:vault has no role_id, secret_id; `make vault-key STACK=prod` "
        "makes what is missing"
    )


def test_commands_do_without_the_secrets(tmp_path: Path) -> None:
    config = own_config("prod") | {"vault": "{}"}
    assert loading.load("prod", config, a_root(tmp_path)).settings.vault


# What is declared


PLANTED = {
    "seal_key": "0a" * 32,
    "previous_seal_key": "1b" * 32,
    "role_id": "planted-role-id-of-20",
    "secret_id": "planted-secret-id-of-20",
}


def declared(root: Path, **section: str) -> Graph:
    return run_main("prod", a_root(root), settings={"vault": PLANTED | section})


def test_it_stands_among_the_services_alone_and_writes_nothing_but_its_data(tmp_path: Path) -> None:
    (container,) = [c for c in declared(tmp_path).containers if c.name == "vault"]
    assert [
        (network["name"].rpartition("-")[0], network["aliases"])
        for network in container.inputs["networksAdvanced"]
    ] == [("services", ["vault"])]
    written = [mount for mount in container.inputs["mounts"] if not mount["readOnly"]]
    assert [mount["source"] for mount in written] == ["homeport-prod-vault-data"]
    assert container.options.deleteBeforeReplace, "two servers on one storage"


def test_its_secrets_are_read_by_the_server_alone_and_stay_encrypted(tmp_path: Path) -> None:
    graph = declared(tmp_path)
    (files,) = [r for r in graph.of("VolumeFiles") if r.name == "vault-config"]
    held = files.inputs["secret_files"].values()
    assert all(rpc.is_rpc_secret(entry) for entry in held)
    assert {rpc.unwrap_rpc_secret(entry) for entry in held} == set(PLANTED.values())
    rest = [r.inputs for r in graph.of("Container", "Volume", "VolumeOwner", "HostImage")]
    rest += [files.inputs["files"], graph.exports]
    assert not [secret for secret in PLANTED.values() if secret in json.dumps(rest, default=str)]


def test_another_configuration_is_another_container_and_another_login_is_not(
    tmp_path: Path,
) -> None:
    def envs(root: str, **section: str) -> list[str]:
        (tmp_path / root).mkdir()
        graph = declared(tmp_path / root, **section)
        (container,) = [c for c in graph.containers if c.name == "vault"]
        said: list[str] = container.inputs["envs"]
        return said

    before = envs("before")
    assert envs("login", secret_id="another-secret-id-of-20") == before
    assert envs("key", seal_key="2c" * 32) != before


# What a failed start says


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '[ERROR] failed to initialize: error="initialize.[homeport (0)]: request.[policy (4)]"',
            "vault: its first start failed half-way",
        ),
        (
            '[ERROR] error unsealing core: error="unseal with stored key failed: '
            'self-initialization failed: refusing to unseal"',
            "vault: its first start failed half-way",
        ),
        (
            '[WARN]  failed to unseal core: error="fetching stored unseal keys failed: failed to '
            'decrypt keys from storage: unknown key id for data: `abc`"',
            "vault: it is sealed, because homeport:vault.seal_key in Pulumi.prod.yaml isn't",
        ),
        (
            '[WARN]  failed to unseal core: error="fetching stored unseal keys failed: invalid '
            "key: failed to decrypt keys from storage: failed to open ciphertext: cipher: message "
            'authentication failed"',
            "vault: it is sealed, because homeport:vault.seal_key in Pulumi.prod.yaml isn't",
        ),
        ("[INFO]  core: vault is unsealed", ""),
    ],
)
def test_a_failed_start_is_told_in_one_sentence(line: str, told: str) -> None:
    reason = vault_reason(f"==> OpenBao server configuration:\n{line}\n", "prod")
    assert reason.startswith(told)
    assert bool(reason) == bool(told)
    assert "\n" not in reason


@pytest.mark.parametrize(
    "line",
    [
        # What a stranger asked for, as the audit writes it down.
        '{"type":"request","request":{"path":"services/data/failed to initialize: "}}',
        # Of storage that is initialised, and can't be read.
        "failed to initialize: unable to check core initialization status: disk I/O error",
    ],
)
def test_a_vault_that_may_hold_something_is_never_taken_for_one_that_failed(line: str) -> None:
    assert failed_half_way("failed to initialize: request failed")
    assert not failed_half_way(f"==> OpenBao server started!\n{line}\n")


# Commands


def a_context(folder: Path, **settings: object) -> Context:
    """A stack whose file says no more than it must, and `settings`."""
    context = Context("prod", loading.of_files, {"file": ""})
    config = own_config("prod") | settings
    context.__dict__["estate"] = loading.load("prod", config, a_root(folder))
    return context


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config: {'homeport:vault': true}", "homeport:vault is [secret]: must be fields"),
        ("config: [1]", "Pulumi.prod.yaml: config must be a mapping of keys to values"),
    ],
)
def test_a_file_in_which_no_secret_can_be_set_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(told)):
        vault_key.run(Context("prod", lambda stack: loading.of_files(stack, tmp_path)))


def test_only_missing_secrets_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: dict[str, str] = {}

    def set_config(_context: Context, path: str, value: str) -> bool:
        made[path.removeprefix("homeport:vault.")] = value
        return True

    monkeypatch.setattr(vault_key, "deployment", lambda _context: {})
    monkeypatch.setattr(vault_key, "set_config", set_config)
    section = {"role_id": {"secure": "v1:abc"}, "seal_key": None}  # a line that was left empty
    assert vault_key.run(a_context(tmp_path, vault=section)) == 0
    assert set(made) == {"seal_key", "secret_id"}
    settings(role_id="0123456789abcdef0123", **made)  # of the right form
    assert not [value for value in made.values() if value in capsys.readouterr().out]


class FakeVault:
    """Holds the program's policy. It restores after its answer, which takes a while."""

    def __init__(self) -> None:
        self.policy = PROGRAM_POLICY
        self.snapshot = b""
        self.refusal = ""
        self.restored: list[Exception | str] = []
        """What follows when the policy is asked for: an error, or another text."""

    def get(self, path: str, **_: object) -> Any:
        if path.endswith("/snapshot"):
            return SimpleNamespace(content=self.snapshot)
        answer = self.restored.pop(0) if self.restored else ""
        if isinstance(answer, Exception):
            raise answer
        self.policy = answer or self.policy
        return SimpleNamespace(json=lambda: {"data": {"policy": self.policy}})

    def post(self, path: str, *, json: dict[str, str] | None = None, **_: object) -> None:
        if json:
            assert path.endswith("/homeport-program")
            self.policy = json["policy"]
        elif self.refusal:
            raise exceptions.InvalidRequest(self.refusal)


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    fake = FakeVault()

    @contextmanager
    def opened(_context: Context, _secret: object) -> Iterator[FakeVault]:
        yield fake

    monkeypatch.setattr(vault_snapshot, "opened_vault", opened)
    monkeypatch.setattr(vault_api, "_PAUSE", 0)
    monkeypatch.setenv("YES", "1")
    return fake


@pytest.mark.parametrize(
    "broken",
    [b"", b"no archive", gzip.compress(b"x" * 2000, mtime=0)[:20]],
    ids=["empty", "no archive", "cut"],
)
def test_a_broken_snapshot_is_not_kept(tmp_path: Path, vault: FakeVault, broken: bytes) -> None:
    vault.snapshot = broken
    file = tmp_path / "vault.snap"
    with pytest.raises(CommandError, match="came broken, so nothing was written; try again"):
        vault_snapshot.save(Context("prod", loading.of_files, {"file": str(file)}))
    assert not file.exists()


def snapshot_in(folder: Path) -> Path:
    """A file that is a whole snapshot."""
    file = folder / "vault.snap"
    file.write_bytes(a_snapshot())
    return file


@given(st.data())
def test_a_snapshot_with_a_flipped_bit_is_none(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = snapshot_in(Path(folder))
        content = bytearray(file.read_bytes())
        assert vault_api.is_snapshot(bytes(content))
        # Not the ten bytes of gzip's head, which hold the time and the system, and not the last
        # byte before its eight bytes of sums, whose spare bits mean nothing.
        last = len(content) - 9
        at = data.draw(st.integers(10, len(content) - 1).filter(lambda at: at != last))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(content)
        with pytest.raises(CommandError, match="is incomplete; nothing was changed"):
            vault_snapshot.restore(Context("local", loading.of_files, {"file": str(file)}))


@pytest.mark.parametrize("content", [b"", b"# Homeport\n", gzip.compress(b"x" * 2000, mtime=0)])
def test_what_is_no_snapshot_is_told_before_anybody_is_asked(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(content)
    with pytest.raises(
        CommandError, match=r"README.md isn't a snapshot of a vault, or is incomplete"
    ):
        vault_snapshot.restore(Context("local", loading.of_files, {"file": str(file)}))


@pytest.mark.parametrize("last", [PROGRAM_POLICY, exceptions.Forbidden("another login")])
def test_a_restore_ends_when_the_vault_has_the_snapshot(
    tmp_path: Path, vault: FakeVault, last: Exception | str
) -> None:
    """It answers first, and is well for another moment, with what it held before."""
    not_yet: list[Exception | str] = [
        "",
        "",
        exceptions.BadGateway("gone"),
        exceptions.VaultDown(""),
    ]
    vault.restored = [*not_yet, last]
    assert (
        vault_snapshot.restore(
            Context("prod", loading.of_files, {"file": str(snapshot_in(tmp_path))})
        )
        == 0
    )
    assert vault.restored == []


def test_a_snapshot_of_another_seal_key_is_told_with_what_to_do(
    tmp_path: Path, vault: FakeVault
) -> None:
    vault.refusal = (
        "could not verify hash file, possibly the snapshot is using a different autoseal key; "
        "use the snapshot-force API to bypass this check"
    )
    vault.policy = program_policy(backup=True)
    file = snapshot_in(tmp_path)
    with pytest.raises(CommandError) as caught:
        vault_snapshot.restore(Context("prod", loading.of_files, {"file": str(file)}))
    assert str(caught.value) == (
        f"{file} was sealed with another key than homeport:vault.seal_key, and nothing was "
        "changed; set its key as homeport:vault.previous_seal_key, type `make up STACK=prod`, and "
        "restore it then (docs/how-to/vault.md)"
    )
    assert vault.policy == program_policy(backup=True), "it keeps what it may do"


class FakeContainer:
    """A vault that serves, and answers 405 or 403."""

    def __init__(self, status: str) -> None:
        self.status, self.stopped = status, False
        self.labels: dict[str, str] = {}
        self.attrs: dict[str, Any] = {
            "State": {"Running": True, "Restarting": False, "Health": {"Status": "healthy"}},
            "Mounts": [{"Name": "the-volume", "Destination": "/var/lib/openbao"}],
            "Config": {"Image": "openbao", "User": "1000"},
        }

    def reload(self) -> None:
        """It is as it is."""

    def run_in(self, _container: object, command: list[str]) -> engine.Ran:
        assert "/v1/auth/userpass/login/_ " in command[-1], "what no lock-out changes"
        return engine.Ran(1, f"wget: server returned error: HTTP/1.1 {self.status}\n".encode(), b"")

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize(
    ("status", "emptied"), [("405 Method Not Allowed", False), ("403 Forbidden", True)]
)
def test_only_a_vault_that_never_was_whole_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, *, emptied: bool
) -> None:
    container, done = FakeContainer(status), list[object]()

    @contextmanager
    def throwaway(*_: object, volumes: object, **__: object) -> Iterator[None]:
        assert container.stopped
        done.append(volumes)
        yield

    monkeypatch.setattr(vault_reset, "_vault", lambda _context: container)
    monkeypatch.setattr(engine, "last_start", lambda _container: "")
    monkeypatch.setattr(engine, "run_in", container.run_in)
    monkeypatch.setattr(engine, "throwaway", throwaway)
    monkeypatch.setattr(engine, "run_to_end", lambda _container: (0, ""))
    context = a_context(tmp_path)
    context.__dict__["docker"] = None
    if emptied:
        assert vault_reset.run(context) == 0
        assert done == [{"the-volume": "/var/lib/openbao"}]
        return
    with pytest.raises(
        CommandError, match=r"first start was complete.*`make logs NAME=vault STACK=p"
    ):
        vault_reset.run(context)
    assert not container.stopped
    assert not done


def test_a_restore_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    file = snapshot_in(tmp_path)
    with pytest.raises(CommandError, match="needs a yes"):
        vault_snapshot.restore(Context("local", loading.of_files, {"file": str(file)}))
    with pytest.raises(CommandError, match="name the snapshot"):
        vault_snapshot.restore(Context("local", loading.of_files, {"file": ""}))
    with pytest.raises(CommandError, match="can't be read: No such file"):
        vault_snapshot.restore(
            Context("local", loading.of_files, {"file": str(tmp_path / "nothing")})
        )
