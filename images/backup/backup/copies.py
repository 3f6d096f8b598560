"""What is done with the data before restic reads it."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from backup.plan import Source

_WILD = re.compile(r"[\\*?\[\]]")


def copy_first(source: Source, copies: Path) -> None:
    """Copy the folder that must be older than what it names, as a tar file.

    A tar file keeps owners, modes and times, for which a copy in a folder would need the right to
    give files away. Its paths are those below the volume's top.
    """
    if not (source.at / source.first).is_dir():
        return  # nothing was ever written
    with tarfile.open(copies / f"{source.at.name}.tar", "w") as tar:
        for path in _below(source.at / source.first, source.without_names):
            with suppress(FileNotFoundError):  # removed meanwhile
                tar.add(path, arcname=path.relative_to(source.at), recursive=False)


def left_out(source: Source, now: float) -> Iterator[str]:
    """The lines of a file of exclusions: what a source's own patterns say, what is copied before,
    and what changed too shortly before `now`.
    """
    top = literal(str(source.at))
    yield from (f"{top}/{pattern}" for pattern in source.without)
    if source.first:
        yield f"{top}/{literal(source.first)}"
    if source.settled:
        for path in _below(source.at, ()):
            with suppress(FileNotFoundError):
                if path.is_file() and path.lstat().st_mtime > now - source.settled:
                    yield literal(str(path))


def literal(path: str) -> str:
    """A path as a line of a file of exclusions, where stars and dollars would mean something."""
    return _WILD.sub(r"\\\g<0>", path).replace("$", "$$")


def _below(top: Path, without_names: Iterable[str]) -> Iterator[Path]:
    """A folder and all below it, always in the same order, so that equal trees give equal files."""
    yield top
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(set(folders) - set(without_names))
        for name in sorted([*folders, *(set(files) - set(without_names))]):
            yield Path(folder, name)
