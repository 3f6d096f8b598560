"""What visitors see of a site: `releases/<commit>-<random>`, and `current`, a link to one of them.

A release gets a name that begins with a dot, and is renamed when it is complete. So the name shows
what a killed run left behind.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from publisher.git import DISK_FULL, MIB, Git, RefusedError, TooLargeError

_SUBMODULE, _LINK = b"160000", b"120000"
_BLOCK = 4096


@dataclass(frozen=True)
class Tree:
    """The files of one folder of one commit."""

    entries: bytes
    """As `git update-index --index-info` takes them."""
    links: tuple[str, ...]
    size: int


def read_tree(git: Git, commit: str, directory: str) -> Tree:
    """What to publish, without submodules. Raises RefusedError if it exceeds a limit."""
    name = _folder(git, commit, directory)
    limits = git.limits
    too_many = RefusedError(
        f"the published folder has more than {limits.files} files, the limit in "
        "sources.limits.files"
    )
    try:
        # A small repository can have a huge number of files, so the list has a limit too.
        listed = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", name, most=limits.files * 1024)
    except TooLargeError:
        raise too_many from None
    lines = [line for line in listed.split(b"\0") if line and not line.startswith(_SUBMODULE)]
    if len(lines) > limits.files:
        raise too_many
    entries, links, size = [], [], 0
    for line in lines:
        about, path = line.split(b"\t", 1)
        mode, _kind, digest, length = about.split()
        entries.append(b"%s %s\t%s\0" % (mode, digest, path))
        size += int(length)
        if mode == _LINK:
            links.append(os.fsdecode(path))
    if size > limits.mib * MIB:
        raise RefusedError(
            f"the published files have {size / MIB:.1f} MiB, more than {limits.mib}, the limit in "
            "sources.limits.mib"
        )
    return Tree(b"".join(entries), tuple(links), size)


def _folder(git: Git, commit: str, directory: str) -> str:
    """The name of a folder's tree. Links inside the repository are followed."""
    asked = f"{commit}:{directory}\n".encode()
    said = git.run("cat-file", "--batch-check", "--follow-symlinks", given=asked)
    name, _, kind = said.partition(b" ")
    if kind.startswith(b"tree "):
        return name.decode()
    if name == b"symlink":
        raise RefusedError(f"the folder {directory} is a link that leads out of the repository")
    raise RefusedError(f"the repository has no folder {directory}")


def write(git: Git, tree: Tree, folder: Path, commit: str, as_: str) -> tuple[str, list[str]]:
    """Make a complete release. Returns its name, and the links that were left out."""
    name = f"{commit[:12]}-{secrets.token_hex(4)}"
    new = folder / "releases" / f".{name}"
    top = new / as_
    top.mkdir(parents=True)
    if shutil.disk_usage(top).free < tree.size + _BLOCK * tree.entries.count(b"\0"):
        raise RefusedError(DISK_FULL)  # git's own message doesn't name this reason
    index = git.repository / "index"
    index.unlink(missing_ok=True)
    git.run("update-index", "-z", "--index-info", given=tree.entries)
    git.run("checkout-index", "--all", "--quiet", tree=top)
    left_out = [link for link in tree.links if _leaves(top, link)]
    for link in left_out:
        (top / link).unlink()
    # Otherwise a power cut could leave a published release of empty files.
    if subprocess.run(["sync", "--file-system", new], check=False, capture_output=True).returncode:
        raise RefusedError("the host's disk failed to store what was written")
    new.rename(folder / "releases" / name)
    return name, left_out


def _leaves(top: Path, link: str) -> bool:
    """Whether a link, or one that it leads through, points out of the tree."""
    target = Path(os.path.realpath(top / link))
    return (top / link).readlink().is_absolute() or not target.is_relative_to(top.resolve())


def current(folder: Path) -> str | None:
    """The name of the served release."""
    link = folder / "current"
    return link.readlink().name if link.is_symlink() and link.is_dir() else None


def is_ours(folder: Path) -> bool:
    """Whether this service wrote the served content. Every writer of content names itself in the
    file `written-by`.
    """
    marker = folder / "written-by"
    return not marker.exists() or marker.read_text().strip() == "publisher"


def discard(folder: Path, name: str) -> None:
    """Remove a release that was never served."""
    shutil.rmtree(folder / "releases" / name)


def switch(folder: Path, name: str) -> None:
    """Serve this release from now on; the switch is atomic."""
    new = folder / ".current"
    new.unlink(missing_ok=True)
    new.symlink_to(Path("releases") / name)
    new.replace(folder / "current")


def sweep(folder: Path) -> None:
    """Delete all releases except the served one and the one before."""
    releases = folder / "releases"
    served = current(folder)
    complete = [path for path in releases.glob("[!.]*") if path.name != served]
    complete.sort(key=lambda path: path.stat().st_mtime)
    kept = {served, *(path.name for path in complete[-1:])}
    for path in releases.iterdir():
        if path.name not in kept:
            shutil.rmtree(path)
