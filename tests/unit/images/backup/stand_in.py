"""A container's folders, with a restic that does what a script says."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from backup.__main__ import main
from backup.saving import Paths

Source = Mapping[str, object]


def a_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, sources: Mapping[str, Source]
) -> Path:
    """Folders for a plan with these sources, by their names, and a restic that runs the script;
    `{folder}` in it is the folder.
    """
    program = folder / "bin/restic"
    for name in ("bin", "backup", "copies"):
        (folder / name).mkdir()
    program.write_text(script.format(folder=folder))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    usual: Source = {"without": [], "first": "", "without_names": [], "settled": 0}
    plan = {
        "host": "homeport-prod",
        "environment": {"RESTIC_REPOSITORY": "rest:http://x/", "RESTIC_PASSWORD": "s3cret"},
        "sources": [
            {"at": str(folder / "data" / name), **usual, **given} for name, given in sources.items()
        ],
    }
    (folder / "backup/plan.json").write_text(json.dumps(plan))
    return folder


def paths_of(place: Path) -> Paths:
    return Paths(
        plan=place / "backup/plan.json",
        copies=place / "copies",
        left_out=place / "backup/left-out",
    )


def ran(place: Path, command: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code of the image's program, and how it called restic."""
    code = main(list(command), paths_of(place))
    lines = (place / "calls").read_text().splitlines()
    return code, [line.removeprefix("--json --retry-lock 5m ") for line in lines]
