"""A trial restore: what it wants back, and what it finds wrong with what comes."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backup import drill
from backup.heard import Heard
from backup.plan import parse

from tests.unit.images.backup.stand_in import a_place
from tests.unit.vault_snapshots import a_snapshot

# What a snapshot has is below `saved`, by its path.
RESTIC = """\
#!/bin/sh
echo "$*" >>{folder}/calls
case " $* " in
    *" ls "*) cat {folder}/ls; exit $(cat {folder}/ends-ls 2>/dev/null || echo 0) ;;
    *" restore "*)
        cp "{folder}/state/drill.files" {folder}/wanted
        cp -pr {folder}/saved/. {folder}/state/drill/
        cat {folder}/says 2>/dev/null
        exit $(cat {folder}/ends 2>/dev/null || echo 0)
esac
"""
BLOB = "ab" * 32


class Stage:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        sources = {"registry": {"first": "v2/repositories"}, "pypi": {}}
        self.folder = a_place(folder, monkeypatch, RESTIC, sources)
        self.copies, self.state = folder / "copies", folder / "state"
        self.state.mkdir()
        self.plan = parse((folder / "backup/plan.json").read_text())
        self.nodes = [json.dumps({"struct_type": "snapshot", "id": "0a1b2c3d4e"})]
        self.save("data/pypi/a [1].whl", b"wheel")
        self.save(f"data/registry/v2/blobs/sha256/ab/{BLOB}/data", b"layer")
        self.save("copies/vault/vault.snap", a_snapshot())
        self.link(f"sha256:{BLOB}")

    def save(self, path: str, content: bytes, *, listed: bool = True) -> Path:
        """Have it, and have saved it; where it came back before, by this path."""
        for top in (self.folder, self.folder / "saved" / str(self.folder).lstrip("/")):
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(content)
            os.utime(top / path, (1_700_000_000, 1_700_000_000))
        if listed:
            node = {"struct_type": "node", "type": "file", "path": str(self.folder / path)}
            self.nodes.append(json.dumps({**node, "size": len(content)}))
        return self.folder / "saved" / str(self.folder).lstrip("/") / path

    def link(self, names: str, at: str = "_manifests/tags/1/current") -> None:
        with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w") as tar:
            info = tarfile.TarInfo(f"v2/repositories/app/{at}/link")
            info.size = len(names)
            tar.addfile(info, io.BytesIO(names.encode()))
        self.nodes = [line for line in self.nodes if "registry.tar" not in line]
        self.save("copies/registry.tar", buffer.getvalue())

    def run(self) -> int:
        (self.folder / "ls").write_text("".join(f"{line}\n" for line in self.nodes))
        return drill.drill(self.plan, self.copies, self.state / "drill", Heard(["s3cret"]))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_all_that_is_wanted_comes_back_and_is_gone_again(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert stage.run() == 0
    wanted = (stage.folder / "wanted").read_text().splitlines()
    assert len(wanted) == 4
    assert rf"{stage.folder}/data/pypi/a \[1\].whl" in wanted
    listed, restored = (stage.folder / "calls").read_text().splitlines()
    assert listed.endswith(" ls latest --host homeport-prod")
    assert " restore 0a1b2c3d4e --target " in restored
    assert " --verify " in restored
    assert not (stage.state / "drill").exists()
    assert "\nrestored 4 files of snapshot 0a1b2c3d: " in "\n" + capfd.readouterr().err


def loses(stage: Stage) -> None:
    stage.save("data/pypi/b.whl", b"x").unlink()


def cuts(stage: Stage) -> None:
    stage.save("data/pypi/b.whl", b"xy").write_bytes(b"x")


def changes(stage: Stage) -> None:
    came = stage.save("data/pypi/b.whl", b"x")
    came.write_bytes(b"y")
    os.utime(came, (1_700_000_000, 1_700_000_000))


def dangles(stage: Stage) -> None:
    stage.link("sha256:" + "cd" * 32)


def says_nothing(stage: Stage) -> None:
    stage.link("nonsense")


def breaks_the_vault(stage: Stage) -> None:
    stage.nodes = [line for line in stage.nodes if "vault.snap" not in line]
    stage.save("copies/vault/vault.snap", a_snapshot()[:-9])


def finds_damage(stage: Stage) -> None:
    error = {"message": "Unexpected content"}
    said = {"message_type": "error", "error": error, "item": "/data/pypi/b.whl"}
    (stage.folder / "says").write_text(json.dumps(said) + "\n")
    (stage.folder / "ends").write_text("1")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (loses, "b.whl did not come back\n"),
        (cuts, "b.whl did not come back\n"),
        (changes, "b.whl came back as another than it is\n"),
        (dangles, "v2/repositories/app/_manifests/tags/1/current/link in registry.tar names noth"),
        (says_nothing, "current/link in registry.tar names nothing that was saved\n"),
        (breaks_the_vault, "the vault's snapshot is broken\n"),
        (finds_damage, "/data/pypi/b.whl: Unexpected content\n"),
    ],
)
def test_what_is_wrong_is_named(
    stage: Stage,
    fault: Callable[[Stage], None],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fault(stage)
    assert stage.run() == 1
    assert said in capfd.readouterr().err
    assert not (stage.state / "drill").exists()


def test_what_changed_since_is_no_fault(stage: Stage) -> None:
    stage.save("data/pypi/b.whl", b"old")
    (stage.folder / "data/pypi/b.whl").write_bytes(b"new")
    stage.save("data/pypi/c.whl", b"gone")
    (stage.folder / "data/pypi/c.whl").unlink()
    stage.link("sha256:" + "cd" * 32, "_manifests/tags/1/index/sha256/" + "cd" * 32)
    assert stage.run() == 0


def test_a_container_that_gives_no_file_away_brings_them_back_all_the_same(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    said = [
        {"message_type": "error", "error": {"message": "lchown /state/drill/a: no"}, "item": "/a"},
        {"message_type": "exit_error", "code": 1, "message": "Fatal: There were 1 errors\n"},
    ]
    lines = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in said)
    (stage.folder / "says").write_text(lines)
    (stage.folder / "ends").write_text("1")
    assert stage.run() == 0
    assert "lchown" not in (err := capfd.readouterr().err)
    assert "There were" not in err


def test_of_many_files_a_hundred_come_back_and_of_large_ones_as_many_as_there_is_room_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        stage.save(f"data/pypi/many-{number}", b"x" * 1000)
    assert stage.run() == 0
    assert len((stage.folder / "wanted").read_text().splitlines()) == 102
    copies = sum(file.stat().st_size for file in stage.copies.rglob("*") if file.is_file())
    monkeypatch.setattr(drill, "_MOST", copies + 5500)
    assert stage.run() == 0
    assert len((stage.folder / "wanted").read_text().splitlines()) in range(7, 10)


def test_without_room_for_the_vaults_snapshot_nothing_is_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drill, "_MOST", 10)
    assert stage.run() == 1
    assert "there is no room to restore: " in capfd.readouterr().err
    assert not (stage.folder / "wanted").exists()


@pytest.mark.parametrize("code", [1, 11])
def test_a_snapshot_that_can_not_be_listed_is_restics_fault(stage: Stage, code: int) -> None:
    (stage.folder / "ends-ls").write_text(str(code))
    assert stage.run() == code


def test_a_trial_that_was_killed_leaves_nothing_in_the_way(stage: Stage) -> None:
    closed = stage.state / "drill/data/closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0o500)
    assert stage.run() == 0
    assert not (stage.state / "drill").exists()
