"""Pages that somebody drops on a form: looked at, unpacked, and kept until they are published."""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

MAX_FILES = 5_000
MAX_BYTES = 64 << 20
"""Of all files together, unpacked."""
_KEPT = 5  # sets of pages
_PIECE = 1 << 16
_PATH = 500  # bytes of a path
# What a zip tells of its files may take so much; Python's own reader takes whatever is told.
_DIRECTORY = MAX_FILES * (46 + 2 * _PATH)
_END = struct.Struct("<4s4xHHII2x")
_OF_HUGE_ONES = b"PK\6\7"
# What machines put beside a person's files.
_STRAY = ("__MACOSX", ".DS_Store")

_Member = tuple[str, Callable[[], IO[bytes]]]
"""A file's path as it was told, and what opens it."""


class DroppedError(Exception):
    """Why pages can't be taken, in one sentence."""


@dataclass(frozen=True)
class Dropped:
    """Sets of pages in folders below `folder`, which is in the checkout: publishing moves one."""

    folder: Path

    def at(self, name: str) -> Path | None:
        """The folder of a set of pages; None where it is gone, or never was."""
        found = self.place(name)
        return found if re.fullmatch(r"[0-9a-f]{16}", name) and found.is_dir() else None

    def place(self, name: str) -> Path:
        """Where the folder of a set of pages is, or would be."""
        return self.folder / name

    def take(self, files: Iterable[tuple[str, IO[bytes]]]) -> str:
        """Keep files by the paths that a browser tells; the name of the set. Or DroppedError."""
        return self._keep([(path, functools.partial(_itself, file)) for path, file in files])

    def take_zip(self, file: IO[bytes]) -> str:
        """Keep what is in a zip; the name of the set. Raises DroppedError."""
        try:
            _refuse_long_directory(file)
            with zipfile.ZipFile(file) as archive:
                return self._keep(list(_members(archive)))
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise DroppedError("This is no zip, or it is damaged.") from error

    def fresh(self) -> tuple[str, Path]:
        """A new set's name, and its folder, which is yet to be made. The oldest sets go."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        past = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in past[: 1 - _KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        name = secrets.token_hex(8)
        return name, self.folder / name

    def _keep(self, members: Sequence[_Member]) -> str:
        placed = _placed(members)
        name, folder = self.fresh()
        try:
            _write(folder, placed)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return name


def listing(folder: Path) -> dict[str, str]:
    """The digest of each file below a folder, by path; nothing where there is no folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = f"-> {path.readlink()}"
        elif path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = digest
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What changes between two listings: `+ new.html`, `~ changed.html`, `- gone.html`."""
    signs = {
        path: "+" if path not in before else "-" if path not in after else "~"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }
    return [f"{sign} {path}" for path, sign in signs.items()]


def _members(archive: zipfile.ZipFile) -> Iterable[_Member]:
    for info in archive.infolist():
        name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() and kind in (0, stat.S_IFDIR):
            continue
        if kind not in (0, stat.S_IFREG):
            raise DroppedError(f"{_shown(name)} is a link, or something else that is no file.")
        if info.flag_bits & 1:
            raise DroppedError(f"{_shown(name)} has a password; make a zip without one.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DroppedError(f"{_shown(name)} is packed in a way that isn't read here.")
        yield name, functools.partial(archive.open, info)


def _itself(file: IO[bytes]) -> IO[bytes]:
    return file


def _placed(members: Sequence[_Member]) -> dict[PurePosixPath, Callable[[], IO[bytes]]]:
    """What is to be written, by its place in the site's folder: a folder around it all is left out,
    as a person drops or packs the folder itself.
    """
    if len(members) > 4 * MAX_FILES:
        raise DroppedError(f"These are more than {MAX_FILES:,} files.")
    placed: dict[PurePosixPath, Callable[[], IO[bytes]]] = {}
    for name, opens in members:
        path = _checked(name)
        if _STRAY[0] == path.parts[0] or _STRAY[1] == path.name:
            continue
        if path in placed:
            raise DroppedError(f"{_shown(name)} is there twice.")
        placed[path] = opens
    if not placed:
        raise DroppedError("There is no file in it.")
    if len(placed) > MAX_FILES:
        raise DroppedError(f"These are {len(placed):,} files; {MAX_FILES:,} are taken at most.")
    if len({path.parts[0] for path in placed}) == 1 and all(path.parts[1:] for path in placed):
        return {PurePosixPath(*path.parts[1:]): opens for path, opens in placed.items()}
    return placed


def _checked(name: str) -> PurePosixPath:
    """A path inside the site's folder."""
    path = PurePosixPath(name)
    if not name.isprintable() or "\\" in name or len(name.encode()) > _PATH or not path.parts:
        raise DroppedError(f"{_shown(name)} is a name that no page can have; rename it.")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in path.parts:
        raise DroppedError(f"{_shown(name)} leads out of the site's folder.")
    if any(part.lower().startswith(".git") for part in path.parts):
        raise DroppedError(f"{_shown(name)} is git's own; leave it out.")
    return path


def _write(folder: Path, placed: dict[PurePosixPath, Callable[[], IO[bytes]]]) -> None:
    """Write all of it, counting bytes as they come: what a zip tells of itself may be wrong."""
    left = MAX_BYTES
    folder.mkdir()
    for path, opens in placed.items():
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with opens() as source, (folder / path).open("xb") as target:
                while piece := source.read(_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise DroppedError(f"This is more than {MAX_BYTES >> 20} MiB, unpacked.")
                    target.write(piece)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise DroppedError(f"{_shown(str(path))} can't be written: {why}.") from error


def _refuse_long_directory(file: IO[bytes]) -> None:
    """Refuse a zip whose list of files is longer than it needs to be: reading it takes memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 0xFFFF - _END.size))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    file.seek(0)
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile
    if tail[max(0, at - 20) :].startswith(_OF_HUGE_ONES):
        raise DroppedError(
            "This zip is of the kind for huge files (zip64); pack it as a plain one."
        )
    _, _, count, directory, _ = _END.unpack_from(tail, at)
    if count > 4 * MAX_FILES or directory > _DIRECTORY:
        raise DroppedError(f"These are more than {MAX_FILES:,} files.")


def _shown(name: str) -> str:
    return repr(name if len(name) < 100 else f"{name[:100]}…")
