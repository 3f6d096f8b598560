"""A set of files as one value: rendered text and folders, with a digest and a tar of them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

CURRENT = "current"
"""In a volume, the link to the tree that its service sees."""
RELEASES = "releases"
"""Beside it, the folder that has this tree and the one before."""
MARKER = "written-by"
"""In a folder of a shared volume, the file that names whose its content is."""
WRITTEN = "volume-files"
"""What it says where `VolumeFiles` wrote it."""


@dataclass(frozen=True)
class Entry:
    """One file: its bytes, and who may read it."""

    content: bytes
    owner: int = 0
    mode: int = 0o444


Tree = Mapping[str, Entry]
"""Files by their path relative to the tree's top."""


def read_folder(folder: Path) -> dict[str, Entry]:
    """Every regular file below `folder`, also where a link leads to it.

    Raises ValueError naming a link to anything else (out of the folder, to a folder, nowhere), and
    a name that isn't UTF-8.
    """
    top = folder.resolve()
    tree = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(top)):
            raise ValueError(
                f"{path.relative_to(folder)} is a link that doesn't lead to a file in the folder; "
                "replace it with what it leads to"
            )
        if not _is_utf8(str(path)):
            raise ValueError(
                f"{str(path.relative_to(folder))!a} has a name that isn't UTF-8; rename it"
            )
        if path.is_file():
            tree[path.relative_to(folder).as_posix()] = Entry(path.read_bytes())
    return tree


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def digest(tree: Tree) -> str:
    """One hexadecimal digest of all paths, contents, owners and modes."""
    return digest_of(
        {
            path: (entry.owner, entry.mode, hashlib.sha256(entry.content).hexdigest())
            for path, entry in tree.items()
        }
    )


def digest_of(files: Mapping[str, tuple[int, int, str]]) -> str:
    """The same of files whose content has been read elsewhere: owner, mode and SHA-256 by path."""
    total = hashlib.sha256()
    for path, (owner, mode, content) in sorted(files.items()):
        total.update(f"{path}\0{owner}\0{mode:o}\0{content}\n".encode())
    return total.hexdigest()


def archive(
    tree: Tree, top: str, links: Mapping[str, str] | None = None, *, owner: int = 0
) -> bytes:
    """A tar that unpacks the tree below `top` (`""` for none), and symbolic `links`.

    Folders belong to `owner` and can be entered by all. Files get the present time: Caddy makes
    a page's ETag of time and size, so an older one would let browsers keep a stale page.
    """
    now = int(time.time())
    folders = {PurePosixPath(top)}
    for path in tree:
        folders.update(PurePosixPath(top, path).parents)
    folders.update(parent for folder in list(folders) for parent in folder.parents)
    folders.discard(PurePosixPath("."))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted(folders):
            info = tarfile.TarInfo(str(folder))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            info.uid = info.gid = owner
            tar.addfile(info)
        for path, entry in sorted(tree.items()):
            info = tarfile.TarInfo(str(PurePosixPath(top, path)))
            info.size, info.mode = len(entry.content), entry.mode
            info.uid = info.gid = entry.owner
            info.mtime = now
            tar.addfile(info, io.BytesIO(entry.content))
        for path, target in sorted((links or {}).items()):
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def top_of(props: Mapping[str, Any]) -> str:
    """The folder in which releases and the link to one of them stand, seen at the mount."""
    return str(PurePosixPath(props["mount"], props.get("folder", "")))
