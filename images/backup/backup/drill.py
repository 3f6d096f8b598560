"""A restore before anybody needs one: whether what was saved comes back, and is what was saved."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backup.copies import literal
from backup.heard import Heard
from backup.plan import Plan
from backup.restic import restic
from backup.vault import is_whole

_FILES = 100
_MOST = 2**30  # bytes that come back, and never more than half of what is free
_SAID = 10  # of what is wrong
_NAMED = re.compile(r"sha256:([0-9a-f]{64})")
_OWNER = '"message":"lchown '
"""The container may give no file to anybody, so owners don't come back here."""
_COUNT = '"message":"Fatal: There were '
"""restic counts those."""


@dataclass
class Listed:
    """What is taken of a snapshot's list, which may be very long."""

    copies: Path
    heard: Heard
    snapshot: str = ""
    copied: dict[Path, int] = field(default_factory=dict)
    """All that is beside the volumes, by path: bytes."""
    chosen: list[tuple[Path, int]] = field(default_factory=list)
    """Files of the volumes, each as likely as any other."""
    blobs: set[str] = field(default_factory=set)
    """What links of the registry may name."""
    _seen: int = 0

    def take(self, line: str) -> None:
        """One line of the list."""
        try:
            node: dict[str, Any] = json.loads(line)
        except ValueError:
            node = {}
        if node.get("struct_type") == "snapshot":
            self.snapshot = str(node["id"])
        elif node.get("struct_type") != "node":
            self.heard(line)
        elif node["type"] == "file":
            self._take(Path(node["path"]), int(node.get("size", 0)))

    def _take(self, path: Path, size: int) -> None:
        if path.is_relative_to(self.copies):
            self.copied[path] = size
            return
        if path.name == "data" and path.match("blobs/sha256/*/*/data"):
            self.blobs.add(path.parent.name)
        self._seen += 1
        at = len(self.chosen) if self._seen <= _FILES else random.randrange(self._seen)  # noqa: S311
        if at < _FILES:
            self.chosen[at : at + 1] = [(path, size)]

    def wanted(self, room: int) -> dict[Path, int]:
        """The copies, and as many of the files as there is room for."""
        found, left = dict(self.copied), room - sum(self.copied.values())
        for path, size in self.chosen:
            if size <= left:
                found[path] = size
                left -= size
        return found


def drill(plan: Plan, copies: Path, to: Path, heard: Heard) -> int:
    """Restore what the newest snapshot has beside the volumes, and some of their files, into the
    folder `to`, which is gone afterwards. 0 if all came back, 1 if not; where restic couldn't even
    list the snapshot, its exit code.
    """
    listed = Listed(copies, heard)
    if code := restic(plan, "ls", "latest", "--host", plan.host, hear=listed.take):
        return code
    _remove(to)  # of a drill that was killed
    to.mkdir()
    try:
        disk = os.statvfs(to)
        room = min(_MOST, disk.f_bavail * disk.f_frsize // 2)
        wanted = listed.wanted(room)
        if (size := sum(wanted.values())) > room:
            heard.say(f"there is no room to restore: {size} bytes are needed, {room} may be used")
            return 1
        before = heard.unread
        code = _restore(plan, listed.snapshot, wanted, to, heard)
        faults = [
            *(fault for path, size in wanted.items() if (fault := _fault(path, size, to))),
            *_dangling(plan, copies, to, listed.blobs),
        ]
        snap = to / f"{copies}/vault/vault.snap".lstrip("/")
        if snap.exists() and not is_whole(snap.read_bytes()):
            faults.append("the vault's snapshot is broken")
    finally:
        _remove(to)
    for fault in faults[:_SAID]:
        heard.say(fault)
    if len(faults) > _SAID:
        heard.say(f"and {len(faults) - _SAID} more like these")
    heard.say(f"restored {len(wanted)} files of snapshot {listed.snapshot[:8]}: {size} bytes")
    if code not in (0, 1):
        return code
    return int(bool(faults) or heard.unread > before)


def _restore(plan: Plan, snapshot: str, wanted: dict[Path, int], to: Path, heard: Heard) -> int:
    names = to.with_suffix(".files")
    names.write_text("".join(f"{literal(str(path))}\n" for path in wanted), encoding="utf-8")

    def hear(line: str) -> None:
        if _OWNER not in line and _COUNT not in line:
            heard(line)

    # Labels of a host with SELinux are no data, and may not be set here.
    told = ("--target", str(to), "--verify", "--exclude-xattr", "*", "--include-file", str(names))
    return restic(plan, "restore", snapshot, *told, hear=hear)


def _fault(path: Path, size: int, to: Path) -> str:
    """What is wrong with a file that came back; empty if nothing is. Where the one that was saved
    is still there and wasn't written since, both must be equal.
    """
    came = to / str(path).lstrip("/")
    if not came.is_file() or came.stat().st_size != size:
        return f"{path} did not come back"
    try:
        same = _digest(path) == _digest(came) or _written(path) != _written(came)
    except OSError:
        return ""  # it is gone since
    return "" if same else f"{path} came back as another than it is"


def _dangling(plan: Plan, copies: Path, to: Path, blobs: set[str]) -> Iterator[str]:
    for source in plan.sources:
        tar = to / f"{copies}/{source.at.name}.tar".lstrip("/")
        if source.first and tar.exists():
            with tarfile.open(tar) as links:
                for link in links:
                    # What a tag named in the past may be removed.
                    if not link.name.endswith("/link") or "/index/" in link.name:
                        continue
                    file = links.extractfile(link)
                    named = _NAMED.fullmatch(file.read().decode().strip()) if file else None
                    if named is None or named[1] not in blobs:
                        yield f"{link.name} in {tar.name} names nothing that was saved"


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _written(file: Path) -> tuple[int, int]:
    told = file.stat()
    return told.st_size, told.st_mtime_ns


def _remove(folder: Path) -> None:
    # Folders come back with the modes that they had, and may be closed to their owner.
    for each, _, _ in os.walk(folder):
        Path(each).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
