"""`make user` and `make users`: what is taken, what is stored and what is said."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from passlib.hash import bcrypt

from commands import pulumi_cli, user, user_hashes
from commands.context import Context
from commands.error import CommandError
from config import loading
from config.settings import LOCAL_PASSPHRASE, Settings
from tests.unit.program import ROOT, an_estate, own_config

HASH = "$2y$10$" + "a./Z9" * 10 + "abc"
PULUMI = ROOT / ".engine/bin/pulumi"


class Engine:
    """Stands in for `pulumi config set`: what it is told, by path, and the one that it refuses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.refuses = "nothing"
        self.calls: list[tuple[list[str], str]] = []
        self.environments: list[dict[str, str]] = []
        for stack in ("local", "prod"):
            shutil.copy(ROOT / f"Pulumi.{stack}.yaml", folder)
        for module in (user, pulumi_cli):
            monkeypatch.setattr(module, "ROOT", folder)
        pulumi_cli._passphrase.cache_clear()
        monkeypatch.setattr(user, "deployment", lambda _: {})
        monkeypatch.setattr(subprocess, "run", self.run)

    def run(
        self,
        argv: list[str],
        *,
        input: str,  # noqa: A002 - as subprocess calls it
        env: dict[str, str],
        **_: object,
    ) -> Any:
        copy = Path(argv[argv.index("--config-file") + 1])
        copy.write_text(f"{copy.read_text()}# {argv[-1]}\n")
        self.calls.append((argv, input))
        self.environments.append(env)
        return subprocess.CompletedProcess(argv, int(self.refuses in argv[-1]))

    def set(self) -> dict[str, str]:
        """What was stored, by path, with how."""
        return {f"{argv[-3]} {argv[-1]}": value for argv, value in self.calls}

    def changed(self, stack: str = "local") -> bool:
        name = f"Pulumi.{stack}.yaml"
        return (self.folder / name).read_text() != (ROOT / name).read_text()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(monkeypatch, tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that don't look at the cost of a hash: the least that bcrypt has."""
    monkeypatch.setattr(user_hashes, "ROUNDS", 4)


Typed = Callable[..., None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Plays a person at a terminal who types these, unseen."""

    def at_a_terminal(*lines: str) -> None:
        left = list(lines)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        for module in (pulumi_cli, user_hashes):
            monkeypatch.setattr(module, "getpass", lambda _prompt: left.pop(0))

    return at_a_terminal


def piped(monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))


def a_context(
    stack: str, users: Mapping[str, Mapping[str, object]], given: Mapping[str, str] = {}
) -> Context:
    context = Context(stack, loading.of_files, {"name": "", "file": "", "registry": "", **given})
    settings = Settings.parse(stack, own_config(stack) | {"users": json.dumps(users)})
    context.__dict__["estate"] = SimpleNamespace(settings=settings)
    return context


def make_user(stack: str = "local", **given: str) -> int:
    """Run the command on a stack that knows `old`, who may write."""
    return user.run(a_context(stack, {"old": {"hash": HASH, "registry": "write"}}, given))


def refusal(**given: str) -> str:
    with pytest.raises(CommandError) as caught:
        make_user(**given)
    return str(caught.value)


# What is typed


@pytest.mark.parametrize("password", ["a", 'it\'s "odd": é 中 $HOME \\', "é" * 36, " "])
def test_a_password_becomes_a_hash_of_cost_11(typed: Typed, engine: Engine, password: str) -> None:
    typed(password, password)
    assert make_user(name="ada") == 0
    (hashed,) = engine.set().values()
    assert hashed.startswith("$2b$11$")
    assert bcrypt.verify(password, hashed)
    assert engine.changed()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_without_a_terminal_the_password_is_the_line_of_standard_input(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, end: bytes
) -> None:
    piped(monkeypatch, "pässword ".encode() + end)
    assert make_user(name="ada") == 0
    assert bcrypt.verify("pässword ", next(iter(engine.set().values())))


TOO_LONG = "and bcrypt reads only the first 72; choose a shorter one"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "the password is empty; everybody could guess it"),
        (b"\n", "the password is empty; everybody could guess it"),
        (b"a\0b", "the password contains a NUL byte, at which bcrypt would stop reading"),
        (b"a" * 73, f"the password has 73 bytes in UTF-8, {TOO_LONG}"),
        ("é".encode() * 37, f"the password has 74 bytes in UTF-8, {TOO_LONG}"),
        (b"a\xff", "the password isn't UTF-8 text, as browsers and clients send"),
        (b"a\nb\n", "standard input has several lines; the password must be its only one"),
    ],
)
def test_a_password_that_bcrypt_would_cut_or_nobody_can_send_is_refused(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, given: bytes, said: str
) -> None:
    piped(monkeypatch, given)
    assert refusal(name="ada") == said
    assert engine.calls == []


def test_two_different_passwords_are_refused(typed: Typed, engine: Engine) -> None:
    typed("one", "other")
    assert refusal(name="ada") == "these were two different passwords, so nothing was stored"
    assert engine.calls == []


def test_what_is_typed_is_looked_at_before_it_is_asked_for_again(
    typed: Typed, engine: Engine
) -> None:
    typed("")
    assert refusal(name="ada") == "the password is empty; everybody could guess it"


def test_an_end_of_input_is_no_password(
    monkeypatch: pytest.MonkeyPatch, typed: Typed, engine: Engine
) -> None:
    def end(_prompt: str) -> str:
        raise EOFError

    typed()
    monkeypatch.setattr(user_hashes, "getpass", end)
    assert refusal(name="ada") == "no password was typed, so nothing was stored"


# What is stored


def test_a_hash_is_a_secret_and_rights_are_none_and_neither_is_on_a_command_line(
    typed: Typed, engine: Engine
) -> None:
    typed("s3cr3t", "s3cr3t")
    make_user(name="a.d@a", registry="write")
    assert list(engine.set()) == [
        '--secret homeport:users["a.d@a"].hash',
        '--plaintext homeport:users["a.d@a"].registry',
    ]
    assert [value[:7] for value in engine.set().values()] == ["$2b$11$", "write"]
    for argv, _ in engine.calls:
        assert not [word for word in argv if "$2" in word or "s3cr3t" in word]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "ada"}, "ada: new user, registry: read"),
        ({"name": "ada", "registry": "write"}, "ada: new user, registry: write"),
        ({"name": "old"}, "old: new password, registry: write"),
        ({"name": "old", "registry": "read"}, "old: new password, registry: read"),
    ],
)
def test_rights_stay_unless_others_are_given(
    typed: Typed,
    engine: Engine,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, str],
    said: str,
) -> None:
    typed("a", "a")
    make_user(**given)
    assert capsys.readouterr().out.splitlines() == [
        said,
        "",
        "Stored in Pulumi.local.yaml; `make up` makes it so.",
    ]
    assert len(engine.calls) == (2 if "registry" in given else 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give one of NAME and FILE: `make user NAME=alice` asks "),
        ({"name": "ada", "file": ".htpasswd"}, "give one of NAME and FILE: "),
        ({"name": "a:b"}, "NAME is 'a:b': not a user's name; use 1 to 64 letters, "),
        ({"name": "ada", "registry": "all"}, "REGISTRY is 'all': must be read or write"),
        ({"file": "x", "registry": "write"}, "REGISTRY works only with NAME: "),
    ],
)
def test_what_is_given_is_checked_before_anything_is_asked(
    typed: Typed, engine: Engine, given: dict[str, str], said: str
) -> None:
    typed()
    assert refusal(**given).startswith(said)
    assert engine.calls == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("given", ["", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_real_stacks_passphrase_is_asked_for_once_unless_it_is_given(
    typed: Typed, engine: Engine, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], given: str,
) -> None:  # fmt: skip
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(given, "theirs")
    with (engine.folder / "Pulumi.prod.yaml").open("a") as file:
        file.write("encryptionsalt: v1:a:b\n")
    typed("a", "a", *([] if given else ["open sesame"]))
    make_user("prod", name="ada", registry="read")
    expected = {given: "theirs"} if given else {"PULUMI_CONFIG_PASSPHRASE": "open sesame"}
    for environment in engine.environments:
        found = {key: text for key, text in environment.items() if "PASSPHRASE" in key}
        assert found == expected
    assert "`make up STACK=prod` makes it so." in capsys.readouterr().out


# A file that htpasswd made


def test_a_file_is_taken_whole_as_readers(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".htpasswd"
    file.write_text(f"# ours\n\nada:{HASH}\r\nold:{HASH.replace('$2y', '$2a')}\n")
    assert make_user(file=str(file)) == 0
    assert engine.set() == {
        '--secret homeport:users["ada"].hash': HASH,
        '--secret homeport:users["old"].hash': HASH.replace("$2y", "$2a"),
    }
    assert capsys.readouterr().out.splitlines()[:2] == [
        "ada: new user, registry: read",
        "old: new password, registry: write",
    ]


def test_a_file_with_a_weak_hash_or_a_bad_line_is_refused_whole(
    engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "f"
    lines = [f"ada:{HASH}", "bob:$apr1$s3cr3t$", "s3cr3t", f"a b:{HASH}", f"ada:{HASH}", "eve:"]
    file.write_text("\n".join([*lines, f"dan:{HASH.replace('$10$', '$05$')}"]))
    said = refusal(file=str(file))
    assert [line.partition("; ")[0] for line in said.splitlines()] == [
        f"{file}:2: user bob: this is Apache's MD5",
        f"{file}:3: must be name:hash",
        f"{file}:4: 'a b': not a user's name",
        f"{file}:5: user ada: stands here twice",
        f"{file}:6: user eve: this is no hash of bcrypt",
        f"{file}:7: user dan: this is bcrypt of cost 5",
        "Nothing was stored.",
    ]
    assert "s3cr3t" not in said
    assert HASH not in said
    assert engine.calls == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, " can't be read: No such file or directory"),
        (b"\xff", " can't be read: it isn't UTF-8 text"),
        (b"# nobody\n", " has no users\nNothing was stored."),
    ],
)
def test_a_file_without_users_is_told(
    engine: Engine, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "f"
    if content is not None:
        file.write_bytes(content)
    assert refusal(file=str(file)) == f"{file}{why}"


def test_where_the_engine_refuses_one_nothing_is_stored(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text(f"ada:{HASH}\nbob:{HASH}\n")
    engine.refuses = "bob"
    assert make_user(file=str(file)) == 1
    assert len(engine.calls) == 2
    assert not engine.changed()


def test_what_somebody_else_wrote_meanwhile_stays(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = engine.folder / "Pulumi.local.yaml"
    run = engine.run

    def beside(argv: list[str], **given: Any) -> Any:
        file.write_text(f"{file.read_text()}# theirs\n")
        return run(argv, **given)

    monkeypatch.setattr(subprocess, "run", beside)
    hashes = tmp_path / "f"
    hashes.write_text(f"ada:{HASH}\n")
    assert refusal(file=str(hashes)) == (
        "Pulumi.local.yaml was changed by somebody else meanwhile, so nothing was stored; type it "
        "again"
    )
    assert file.read_text() == (ROOT / file.name).read_text() + "# theirs\n"
    assert list(engine.folder.glob(".user-*")) == []


# The list


def test_users_are_listed_with_rights_and_without_hashes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known: dict[str, dict[str, object]] = {
        "bob": {"hash": HASH, "vault": {"read": ["shop/*"], "write": ["*/local", "shop/prod"]}},
        "ada": {"hash": HASH, "registry": "write"},
    }
    assert user.users(a_context("local", known)) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "REGISTRY", "VAULT:", "READS", "VAULT:", "WRITES"],
        ["ada", "write"],
        ["bob", "read", "shop/*", "*/local", "shop/prod"],
    ]


def test_a_stack_without_users_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert user.users(a_context("prod", {})) == 0
    assert (
        capsys.readouterr().out
        == "stack prod has no users; `make user NAME=… STACK=prod` makes one\n"
    )


# With the engine itself


@pytest.mark.skipif(not PULUMI.exists(), reason="needs the engine: `make setup` installs it")
def test_the_stacks_file_stays_as_it_was_written_but_for_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that YAML or Pulumi's paths could take for something else are kept, and removed."""
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    file = tmp_path / "Pulumi.local.yaml"
    before = file.read_text().replace("config:\n", "config:\n  # kept\n")
    file.write_text(before)
    (tmp_path / "state").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(user, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", f"{PULUMI.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_HOME", str(ROOT / ".engine"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/state")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", LOCAL_PASSPHRASE)
    piped(monkeypatch, b"s3cr3t")
    assert make_user(name="a.b@c", registry="write") == 0
    piped(monkeypatch, b"s3cr3t")
    assert make_user(name="7") == 0
    text = file.read_text()
    assert text.startswith(before.partition("encryptionsalt")[0])
    assert "$2b$" not in text
    assert "s3cr3t" not in text
    settings = loading.of_files("local", an_estate(tmp_path, {})).settings
    assert {name: given.registry for name, given in settings.users.items()} == {
        "a.b@c": "write",
        "7": "read",
    }
    config = ["pulumi", "config", "--stack", "local"]
    shown = subprocess.run(
        [*config, "--json", "--show-secrets"], check=True, stdout=subprocess.PIPE
    )
    users = json.loads(shown.stdout)["homeport:users"]["objectValue"]
    assert bcrypt.verify("s3cr3t", users["a.b@c"]["hash"])
    subprocess.run([*config, "rm", "--path", 'homeport:users["a.b@c"]'], check=True)
    assert list(loading.of_files("local", tmp_path).settings.users) == ["7"]
