"""One run of one site: ask, fetch, write, switch."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from publisher import mirror, release
from publisher.git import DISK_FULL, Git, RefusedError, TooLargeError
from publisher.sources import Site

log = logging.getLogger("publisher")

_NOT_OURS = "the site's content no longer comes from git, so nothing is published"
_ASK_SECONDS = 30
_FETCHED = "refs/published"
_MOST_PACKS = 20
_ANSWER = 1024 * 1024
_MOST_NAMES = 10
_SHA256 = 64  # digits of a commit's name


@dataclass(frozen=True)
class Status:
    """What is published. The time of its file is the time of the last success."""

    commit: str
    directory: str
    as_: str
    release: str
    size: int


def read_status(file: Path) -> Status | None:
    """What was published last, or None if that isn't known."""
    try:
        return Status(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def publish(git: Git) -> Status:
    """Publish what the site's repository has now. Raises RefusedError, StoppedError.

    Whatever fails, the served release stays.
    """
    try:
        return _publish(git)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise RefusedError(DISK_FULL if full else str(error)) from error


def _publish(git: Git) -> Status:
    site, paths = git.site, git.paths
    folder, status_file = paths.site(site.name), paths.status(site.name)
    for needed in (folder / "releases", status_file.parent, paths.temporary):
        needed.mkdir(parents=True, exist_ok=True)
    if not release.is_ours(folder):
        raise RefusedError(_NOT_OURS)
    release.sweep(folder)
    last = read_status(status_file)
    with mirror.address(git) as url:
        newest = _newest(git, url)
        wanted = (newest, site.directory, site.as_, release.current(folder))
        if last and wanted == (last.commit, last.directory, last.as_, last.release):
            os.utime(status_file)
            return last
        commit = _fetch(git, url, newest)
    tree = release.read_tree(git, commit, site.directory)
    try:
        name, left_out = release.write(git, tree, folder, commit, site.as_)
    except BaseException:
        release.sweep(folder)
        raise
    for link in left_out:
        log.warning(
            "%s: left out the link %r, which is absolute or leads out of the published folder",
            site.name,
            link,
        )
    if not release.is_ours(folder):  # checked again, because fetching took a while
        release.discard(folder, name)
        raise RefusedError(_NOT_OURS)
    release.switch(folder, name)
    status = Status(commit, site.directory, site.as_, name, tree.size)
    status_file.write_text(json.dumps(asdict(status)))
    release.sweep(folder)
    log.info(
        "%s: published %s (was %s) in %.1f s",
        site.name,
        commit[:12],
        last.commit[:12] if last else "nothing",
        time.monotonic() - git.started,
    )
    return status


def _newest(git: Git, url: str) -> str:
    """The commit that the ref names now."""
    ref = git.site.ref
    if ref and ref.kind == "commit":
        return ref.name
    name = _remote_name(git.site)
    wanted = [name, f"{name}^{{}}"]  # the second is the commit of an annotated tag
    found = _refs(git, url, *wanted)
    for one in reversed(wanted):
        if one in found:
            return found[one]
    raise RefusedError(_missing(git, url))


def _refs(git: Git, url: str, *wanted: str) -> dict[str, str]:
    """The commits that the server's refs name now."""
    answer = git.run(
        "ls-remote",
        url,
        *wanted,
        within=_ASK_SECONDS,
        most=_ANSWER,
        env={"GIT_DIR": os.devnull},  # whatever state the site's own repository is in
    ).decode()
    lines = [line.partition("\t") for line in answer.splitlines()]
    return {named: commit for commit, _tab, named in lines}


def _missing(git: Git, url: str) -> str:
    """Which ref is missing, and which ones exist."""
    ref = git.site.ref
    of_tags = ref is not None and ref.kind == "tag"
    folder, kinds = ("refs/tags/", "tags") if of_tags else ("refs/heads/", "branches")
    try:
        found = _refs(git, url, f"{folder}*")
    except TooLargeError:
        found = {}  # too many to list
    names = sorted(name.removeprefix(folder) for name in found if not name.endswith("^{}"))
    if not names:
        return f"the repository has no {ref.kind} {ref.name}" if ref else "the repository is empty"
    told = ", ".join([*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])])
    missing = (
        f"the repository has no {ref.kind} {ref.name}"
        if ref
        else "the repository's HEAD names a branch that doesn't exist"
    )
    return f"{missing}; its {kinds} are {told}"


def _fetch(git: Git, url: str, newest: str) -> str:
    """Fetch the commit into the site's own repository, and return its name.

    That repository is a cache. It is deleted if a fetch into it failed or was killed, and when it
    has grown. So a full disk or a damaged file affects only one run.
    """
    repository = git.repository
    unfinished = repository / "unfinished"
    if unfinished.exists() or len(list(repository.glob("objects/pack/*.pack"))) >= _MOST_PACKS:
        shutil.rmtree(repository)
    try:
        repository.mkdir(parents=True, mode=0o700, exist_ok=True)
        unfinished.touch()
        git.make("sha256" if len(newest) == _SHA256 else "sha1")
        git.run(
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            url,
            f"+{_remote_name(git.site)}:{_FETCHED}",
        )
        commit = git.run("rev-parse", "--verify", f"{_FETCHED}^{{commit}}").decode().strip()
        unfinished.unlink()
    except BaseException:
        shutil.rmtree(repository, ignore_errors=True)
        raise
    return commit


def _remote_name(site: Site) -> str:
    if not site.ref:
        return "HEAD"
    folders = {"branch": "refs/heads/", "tag": "refs/tags/", "commit": ""}
    return folders[site.ref.kind] + site.ref.name
