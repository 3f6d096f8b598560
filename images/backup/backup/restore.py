"""What a restore needs of a snapshot: a look at it and at the disks, and then its data."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from backup.plan import Plan, Source
from backup.restic import FULL, listed, restic

DONE = "done"
"""The name of the file beside the copies that a whole restore leaves."""
_READS = "--no-lock"  # also from a store that has no room for one
_BLOCK = 4096  # bytes; what a small file takes on a disk
_ALWAYS_THERE = {"lost+found"}  # on a disk of its own


def look(plan: Plan, wanted: str, copies: Path) -> int:
    """Print the stack's snapshots, and what the one whose id begins with `wanted` holds: bytes for
    each source; and of each source's disk which it is, what is free, and whether there is data.

    Without `wanted` it is the newest. Nothing is printed of one that isn't there. The exit code is
    restic's.
    """
    code, text = listed(plan, "snapshots", _READS, "--host", plan.host, take="".join)
    print(text, flush=True)
    if code:
        return code
    if (found := chosen(json.loads(text), wanted)) is None:
        return 0
    code, taken = listed(plan, "ls", _READS, found["id"], take=lambda lines: sizes(lines, copies))
    message = {
        "message_type": "found",
        "snapshot": found,
        "sizes": taken,
        "disks": {"": _disk(copies)} | {each.at.name: _disk(each.at) for each in plan.sources},
    }
    print(json.dumps(message), flush=True)
    return code


def chosen(snapshots: Iterable[Mapping[str, Any]], wanted: str) -> Mapping[str, Any] | None:
    """The newest snapshot whose id begins so."""
    fitting = [each for each in snapshots if str(each["id"]).startswith(wanted)]
    return max(fitting, key=lambda each: str(each["time"]), default=None)


def sizes(lines: Iterable[str], copies: Path) -> dict[str, int]:
    """What files take on a disk, by the name of their source; "" for the copies. What was copied
    of a source is counted for it as well, as it ends there.
    """
    found: Counter[str] = Counter()
    for line in lines:
        node = json.loads(line)
        path = PurePosixPath(node.get("path") or "/")
        if len(path.parts) < 3:
            continue  # the snapshot itself, and the folders that all sources are in
        size = -(-int(node.get("size", 0)) // _BLOCK) * _BLOCK or _BLOCK
        if path.is_relative_to(copies):
            found[""] += size
            if path == PurePosixPath(copies / f"{path.stem}.tar"):
                found[path.stem] += size
        else:
            found[path.parts[2]] += size
    return dict(found)


def _disk(at: Path) -> dict[str, Any]:
    # A volume that isn't there yet will be where Docker keeps containers too.
    place = at if at.is_dir() else Path("/")
    disk = os.statvfs(place)
    names = {entry.name for entry in at.iterdir()} if at.is_dir() else set()
    return {
        "id": place.stat().st_dev,
        "free": disk.f_bavail * disk.f_frsize,
        "filled": bool(names - _ALWAYS_THERE),
    }


def restore(plan: Plan, snapshot: str, copies: Path) -> int:
    """Put a snapshot's data where it was, with owners, modes and times, and read it again; restic's
    exit code. Done twice, or after it was killed, it ends in the same.

    The copies are restored too. A file beside them says that all is there.
    """
    tops = [copies, *(source.at for source in plan.sources)]
    includes = [word for top in tops for word in ("--include", str(top))]
    if code := bring(plan, snapshot, "--target", "/", *includes):
        return code
    for source in plan.sources:
        put_back(source, copies / f"{source.at.name}.tar")
    (copies / DONE).write_text(snapshot, encoding="utf-8")
    return 0


def bring(plan: Plan, *arguments: str) -> int:
    """Have restic restore, and read what it wrote; its exit code. A store without room for a lock
    is read without one.
    """
    code = restic(plan, "restore", "--verify", *arguments)
    return restic(plan, "restore", "--no-lock", "--verify", *arguments) if code == FULL else code


def put_back(source: Source, tar: Path) -> None:
    """Unpack what was copied of a source before all else."""
    if source.first and tar.exists():
        with tarfile.open(tar) as file:
            # As it was packed, owners by number: nobody else could write into the repository.
            file.extraction_filter = lambda member, _: member
            file.extractall(source.at, numeric_owner=True)  # noqa: S202
