"""What commands tell the container that saves each day."""

import io
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commands import scheduled
from commands.context import Context
from commands.error import CommandError
from config import loading
from config.backup_section import BackupSection
from config.settings import Settings
from host import engine
from host.engine import THROWAWAY
from tests.unit.program import own_config
from tests.unpacking import unpack

SECTION = BackupSection(repository="rest:https://x.org/", at="03:17")


@dataclass
class FakeContainer:
    """A container whose root is a folder of this machine."""

    root: Path
    status: str = "running"
    name: str = "backup-1"
    labels: dict[str, str] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    busy: int = 0
    """How often the lock is found taken."""

    def put_archive(self, path: str, content: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            unpack(tar, self.root / path.strip("/"))

    def ran(self, command: list[str]) -> engine.Ran:
        if command[0] == "flock":
            self.busy -= 1
            return engine.Ran(1 if self.busy >= 0 else 0, b"", b"")
        script = " ".join(command) if command[0] == "cat" else command[-1]
        for at in ("/copies", "/state"):
            script = script.replace(at, f"{self.root}{at}")
        self.scripts.append(script)
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
        return engine.Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeContainer:
    for name in ("copies", "state"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(engine, "run_in", lambda each, command: each.ran(command))
    monkeypatch.setattr(scheduled, "_GLANCE", 0)
    return FakeContainer(tmp_path)


def a_context(section: BackupSection | None, *there: FakeContainer) -> Context:
    context = Context("local", loading.of_files)
    settings = Settings.parse("local", own_config("local")).model_copy(update={"backup": section})
    context.__dict__["estate"] = SimpleNamespace(settings=settings)
    context.__dict__["docker"] = SimpleNamespace(
        containers=SimpleNamespace(list=lambda **_: list(there))
    )
    for each in there:
        each.labels.setdefault("homeport.component", "backup")
    return context


def exported(_: Context, *arguments: str) -> str | None:
    assert arguments == ("stack", "export"), "never with its secrets"
    return '{"deployment": {}}'


def test_state_and_file_are_whole_where_they_are_read(container: FakeContainer) -> None:
    for _ in range(2):
        scheduled.keep_state(a_context(SECTION, container), exported)
    stack = container.root / "copies/stack"
    assert {file.name for file in stack.iterdir()} == {"state.json", "Pulumi.local.yaml"}
    assert (stack / "state.json").read_text() == '{"deployment": {}}'
    assert (stack / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("section", [None, BackupSection(repository="rest:https://x.org/")])
def test_without_a_time_nobody_is_asked(section: BackupSection | None) -> None:
    context = a_context(section)
    del context.__dict__["docker"]
    scheduled.keep_state(context, lambda *_: pytest.fail("nothing is exported"))
    with scheduled.held(context):
        pass


@pytest.mark.parametrize(
    ("status", "labels", "export"),
    [
        ("exited", {}, exported),
        ("running", {THROWAWAY: "true"}, exported),  # that of `make backup`
        ("running", {}, lambda *_: None),
    ],
)
def test_a_state_that_is_not_taken_is_told(
    container: FakeContainer, status: str, labels: dict[str, str], export: Callable[..., Any]
) -> None:
    container.status, container.labels = status, dict(labels)
    with pytest.raises(CommandError, match="was not given the stack's state; `make status` shows"):
        scheduled.keep_state(a_context(SECTION, container), export)


def test_what_it_remembers_is_read_where_there_is_something(container: FakeContainer) -> None:
    assert scheduled.remembered(a_context(SECTION)) == {}
    assert scheduled.remembered(a_context(SECTION, container)) == {}
    (container.root / "state/notes.json").write_text('{"drilled": 3.5}')
    assert scheduled.remembered(a_context(SECTION, container)) == {"drilled": 3.5}


def test_no_run_begins_in_the_block_and_one_at_work_is_waited_for(
    container: FakeContainer, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = container.root / "state/registry-gc"
    with scheduled.held(a_context(SECTION, container)):
        assert hold.exists()
    assert not hold.exists()
    assert capsys.readouterr().out == ""
    container.busy = 3
    with suppress(KeyboardInterrupt), scheduled.held(a_context(SECTION, container)):
        assert container.busy < 0
        raise KeyboardInterrupt
    assert not hold.exists(), "also after Ctrl-C"
    assert capsys.readouterr().out == "Waiting for backup to end…\n"
