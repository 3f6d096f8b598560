"""Makes a repository from a folder of the stack's mirror, in place of the remote one."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from publisher.git import Git, RefusedError
from publisher.sources import MIRROR

# The same files always give the same commit.
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "mirror"),
        ("EMAIL", "mirror@localhost"),
        ("DATE", "2000-01-01T00:00:00Z"),
    )
}
_MADE_FROM = "made-from"
_in_use: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextlib.contextmanager
def address(git: Git) -> Iterator[str]:
    """The URL that git fetches. For a folder of the mirror, that is a repository made from it.

    No other thread replaces this repository meanwhile. Raises RefusedError.
    """
    fetch = git.site.fetch
    if fetch is None:
        raise RefusedError("the stack's mirror doesn't have it, and homeport:outside is false")
    if not fetch.startswith(MIRROR):
        yield fetch
        return
    path = fetch.removeprefix(MIRROR)
    with _in_use[path]:
        _make(git, path)
        yield git.paths.mirror(path).as_uri()


def _make(git: Git, path: str) -> None:
    """Make the repository, unless it was already made from the present mirror.

    Each folder inside becomes a branch; the default one is `master`, else `main`, else the first.
    """
    repository = git.paths.mirror(path)
    made_from = repository / _MADE_FROM
    try:
        release = str(git.paths.mirrors.readlink())
        if made_from.exists() and made_from.read_text() == release:
            return
        # Resolved once, so that all files are of one release even if the link is switched.
        folder = git.paths.mirrors.resolve() / path
        branches = sorted(branch for branch in folder.iterdir() if branch.is_dir())
    except FileNotFoundError as error:
        raise RefusedError(f"the stack's mirror has no folder {path}") from error
    if not branches:
        raise RefusedError(f"the mirror's folder {path} has no folder for a branch")

    new = repository.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    made = replace(git, repository=new)
    made.make()
    for branch in branches:
        (new / "index").unlink(missing_ok=True)
        made.run("add", "--all", "--force", ".", tree=branch)
        files = made.run("write-tree").decode().strip()
        commit = made.run("commit-tree", "-m", "mirror", files, env=_AUTHOR).decode().strip()
        made.run("update-ref", f"refs/heads/{branch.name}", commit)
    names = [branch.name for branch in branches]
    default = next((name for name in ("master", "main") if name in names), names[0])
    made.run("symbolic-ref", "HEAD", f"refs/heads/{default}")
    (new / _MADE_FROM).write_text(release)
    shutil.rmtree(repository, ignore_errors=True)
    new.rename(repository)
