"""New data in the place of old: all of one or all of the other, wherever a run is killed."""

import itertools
import json
import stat
from pathlib import Path

import pytest
from backup import in_place
from backup.__main__ import main
from backup.saving import Paths

RESTIC = """\
#!/bin/sh
echo "$*" >>{folder}/calls
case "$*" in
    *" restore --verify ab22:"*)
        echo new >{folder}/data/pypi/.homeport-coming/new; exit $(cat {folder}/code) ;;
esac
"""
FOLDERS = (".homeport-coming", ".homeport-whole", ".homeport-last", ".homeport-gone")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin/restic"
    for name in ("bin", "backup", "copies", "data/pypi/folder"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data/pypi/old").write_text("old")
    program.write_text(RESTIC.format(folder=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def run(place: Path, code: int = 0, first: str = "") -> int:
    (place / "code").write_text(str(code))
    source = {"without": [], "first": first, "without_names": [], "settled": 0}
    plan = {
        "host": "homeport-prod",
        "environment": {},
        "sources": [{"at": str(place / "data/pypi"), **source}],
    }
    (place / "backup/plan.json").write_text(json.dumps(plan))
    paths = Paths(plan=place / "backup/plan.json", copies=place / "copies")
    return main(["replace", "ab22"], paths)


def there(place: Path) -> set[str]:
    return {path.name for path in (place / "data/pypi").iterdir()}


def test_new_data_takes_the_place_of_the_old(place: Path) -> None:
    assert run(place) == 0
    assert there(place) == {"new"}
    at = place / "data/pypi"
    assert (place / "calls").read_text().splitlines()[1:] == [
        f"--json --retry-lock 5m restore --verify ab22:{at} --target {at}/.homeport-coming"
    ]


def test_what_was_copied_first_comes_from_its_own_place(place: Path) -> None:
    run(place, first="v2")
    assert (place / "calls").read_text().splitlines()[-1] == (
        f"--json --retry-lock 5m restore --verify ab22 --target / --include {place}/copies/pypi.tar"
    )


def test_where_restic_fails_the_old_data_stays(place: Path) -> None:
    assert run(place, 1) == 1
    assert there(place) == {"old", "folder"}


class KilledError(Exception):
    pass


@pytest.mark.parametrize("steps", range(6))
def test_a_run_that_was_killed_is_ended_by_the_next(
    place: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Two of old, one of new, and two changes of a folder's name."""
    top, left = place / "data/pypi", itertools.count(steps, -1)
    (top / ".homeport-whole").mkdir()
    (top / ".homeport-whole/new").write_text("new")
    rename = Path.rename

    def until_killed(path: Path, target: Path) -> Path:
        if next(left) == 0:
            raise KilledError
        return rename(path, target)

    with monkeypatch.context() as killing:
        killing.setattr(Path, "rename", until_killed)
        try:
            in_place.swap(top)
        except KilledError:
            assert steps < 4
        else:
            assert steps >= 4
    in_place.swap(top)
    assert there(place) == {"new"}


def test_half_of_new_data_is_thrown_away(place: Path) -> None:
    (place / "data/pypi/.homeport-coming").mkdir()
    (place / "data/pypi/.homeport-coming/half").touch()
    in_place.swap(place / "data/pypi")
    assert run(place) == 0
    assert there(place) == {"new"}
