"""What a restore sees of a snapshot, and how it puts data back."""

import json
import os
import tarfile
from pathlib import Path

import pytest
from backup.copies import copy_first
from backup.plan import Source
from backup.restore import chosen, put_back, sizes

from tests.unit.images.backup.stand_in import a_place, ran

RESTIC = """\
#!/bin/sh
echo "$*" >>{folder}/calls
case "$*" in
    *snapshots*) cat {folder}/snapshots ;;
    *" ls "*) cat {folder}/ls ;;
    *" restore "*) exit $(cat {folder}/code) ;;
esac
"""
SNAPSHOTS = [
    {"id": "aa11", "time": "2026-11-26T03:17:00Z"},
    {"id": "ab22", "time": "2026-11-27T03:17:00Z"},
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/registry").mkdir(parents=True)
    (tmp_path / "snapshots").write_text(json.dumps(SNAPSHOTS))
    (tmp_path / "code").write_text("0")
    sources = {"registry": {"first": "v2/repositories"}, "pypi": {}}
    return a_place(tmp_path, monkeypatch, RESTIC, sources)


def run(place: Path, *command: str) -> tuple[int, list[str]]:
    return ran(place, command)


def node(path: str, size: int = 0) -> str:
    return json.dumps({"message_type": "node", "path": path, "size": size})


@pytest.mark.parametrize(("wanted", "found"), [("", "ab22"), ("aa", "aa11"), ("a", "ab22")])
def test_the_newest_that_fits_is_chosen(wanted: str, found: str) -> None:
    snapshot = chosen(SNAPSHOTS, wanted)
    assert snapshot
    assert snapshot["id"] == found


def test_none_is_chosen_where_none_fits() -> None:
    assert chosen(SNAPSHOTS, "ff") is None
    assert chosen([], "") is None


def test_a_size_is_what_files_take_on_a_disk_and_copies_count_where_they_end() -> None:
    lines = [
        json.dumps({"message_type": "snapshot", "id": "ab22"}),
        node("/copies"),
        node("/data"),
        node("/data/pypi"),
        node("/data/pypi/a.whl", 4097),
        node("/copies/registry.tar", 5000),
        node("/copies/vault"),
        node("/copies/vault/vault.snap", 1),
    ]
    assert sizes(lines, Path("/copies")) == {
        "pypi": 4096 + 8192,
        "registry": 8192,
        "": 8192 + 4096 + 4096,
    }


def test_a_look_shows_what_is_there_and_changes_nothing(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "ls").write_text(node("/data/registry/x", 10))
    (place / "data/registry/lost+found").mkdir()
    code, calls = run(place, "look", "ab")
    assert code == 0
    assert calls == [
        "cat config --no-lock",
        "snapshots --no-lock --host homeport-prod",
        "ls --no-lock ab22",
    ]
    message = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert message["snapshot"]["id"] == "ab22"
    assert message["sizes"] == {"registry": 4096}
    assert {name: disk["filled"] for name, disk in message["disks"].items()} == {
        "": False,
        "registry": False,  # a disk of its own is made with a folder
        "pypi": False,
    }
    assert message["disks"]["pypi"]["id"] == Path("/").stat().st_dev
    (place / "data/registry/docker").mkdir()
    (place / "backup/plan.json").write_text(plan_again(place))
    run(place, "look", "")
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["disks"]["registry"]["filled"]


def plan_again(place: Path) -> str:
    source = {"without": [], "first": "", "without_names": [], "settled": 0}
    return json.dumps(
        {
            "host": "homeport-prod",
            "environment": {},
            "sources": [{"at": str(place / "data/registry"), **source}],
        }
    )


def test_a_look_at_a_snapshot_that_is_not_there_shows_those_that_are(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, calls = run(place, "look", "ff")
    assert (code, calls[-1]) == (0, "snapshots --no-lock --host homeport-prod")
    assert json.loads(capfd.readouterr().out) == SNAPSHOTS


def test_a_restore_verifies_and_leaves_a_mark_when_all_is_there(place: Path) -> None:
    copied(place)
    code, calls = run(place, "restore", "ab22")
    assert code == 0
    assert calls[-1] == (
        f"restore --verify ab22 --target / --include {place}/copies "
        f"--include {place}/data/registry --include {place}/data/pypi"
    )
    assert (place / "data/registry/v2/repositories/app/link").read_text() == "link"
    assert (place / "copies/done").read_text() == "ab22"


def test_a_store_without_room_for_a_lock_is_read_without_one(place: Path) -> None:
    (place / "bin/restic").write_text(
        f'#!/bin/sh\necho "$*" >>{place}/calls\n'
        "case $* in *restore\\ --verify*) ;; *) exit 0 ;; esac\n"
        "echo 'Save(<lock/0e>) returned error, retrying after 1s: unexpected response (507)'\n"
        "trap 'exit 130' INT\nfor _ in $(seq 100); do sleep 0.1; done\n"
    )
    code, calls = run(place, "restore", "ab22")
    assert code == 0
    assert [call.split("ab22")[0] for call in calls[1:]] == [
        "restore --verify ",
        "restore --no-lock --verify ",
    ]


def test_a_restore_that_fails_leaves_no_mark(place: Path) -> None:
    copied(place)
    (place / "code").write_text("1")
    assert run(place, "restore", "ab22")[0] == 1
    assert not (place / "copies/done").exists()
    assert list((place / "data/registry").iterdir()) == []


def copied(place: Path) -> os.stat_result:
    """A copy of the folder that is copied first, as a backup makes it: what a link in it was."""
    link = place / "old/registry/v2/repositories/app/link"
    link.parent.mkdir(parents=True)
    link.write_text("link")
    link.chmod(0o664)
    os.utime(link, (1_700_000_000, 1_700_000_000))
    copy_first(Source(at=place / "old/registry", first="v2/repositories"), place / "copies")
    return link.stat()


def test_what_was_copied_first_comes_back_as_it_was_also_twice(place: Path) -> None:
    was = copied(place)
    source = Source(at=place / "data/registry", first="v2/repositories")
    for _ in range(2):
        put_back(source, place / "copies/registry.tar")
        now = (place / "data/registry/v2/repositories/app/link").stat()
        for name in ("st_mode", "st_uid", "st_gid", "st_mtime"):
            assert getattr(now, name) == getattr(was, name)


def test_a_source_of_which_nothing_was_copied_is_left_alone(place: Path) -> None:
    with tarfile.open(place / "copies/registry.tar", "w"):
        pass
    put_back(Source(at=place / "data/registry"), place / "copies/registry.tar")
    put_back(Source(at=place / "data/pypi", first="x"), place / "copies/pypi.tar")
    assert list((place / "data/registry").iterdir()) == []
