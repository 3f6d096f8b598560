"""What the list of sites shows of each: read from the files, from git, and from what `up` noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from commands import live
from config.estate import Estate
from config.model import ConfigError
from config.site import Site
from console.repository import Commit, Repository

SITES = "config/sites"
CHANGED = "changed since it was put live"
NEW = "not put live yet"
GONE = "live, but its file is gone"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One site."""

    name: str
    urls: tuple[str, ...] = ()
    served: str = ""
    """What answers, in words."""
    content: str = ""
    """Where its content comes from."""
    component: str = ""
    """Whose container serves it; "" if another server does."""
    commit: Commit | None = None
    """The last one of its file."""
    edited: bool = False
    """Whether its file differs from that commit."""
    waiting: str = ""
    """How its file differs from what was put live last; "" where it doesn't, or nobody knows."""


@dataclass(frozen=True)
class Overview:
    """All sites of a stack."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    """What is wrong with the files: one sentence each, as the commands tell it."""
    not_pushed: int | None
    """Commits that the branch's upstream hasn't; None without an upstream."""


def of(load: Estate | ConfigError, stack: str, repository: Repository) -> Overview:
    """The sites of a stack's files; only their names if the files have problems."""
    commits = repository.last_commits(SITES)
    edited = set(repository.uncommitted())
    waiting = _waiting(stack, repository.root)
    if isinstance(load, ConfigError):
        names = (file.stem for file in (repository.root / SITES).glob("[!.]*.yaml"))
        rows: Iterable[Row] = (Row(name=name) for name in names)
    else:
        rows = _of_estate(load)
    there = {row.name: row for row in rows}
    gone = {name: Row(name=name) for name, how in waiting.items() if how == GONE}
    rows = tuple(
        Row(
            **{**vars(row), "commit": commits.get(path), "edited": path in edited}
            | {"waiting": waiting.get(row.name, "")}
        )
        for row in sorted((there | gone).values(), key=lambda row: row.name)
        for path in [f"{SITES}/{row.name}.yaml"]
    )
    problems = load.problems if isinstance(load, ConfigError) else ()
    return Overview(rows, problems, repository.not_pushed())


def _waiting(stack: str, root: Path) -> Mapping[str, str]:
    noted = live.last(stack, root)
    if noted is None:
        return {}
    now = live.digests(root)
    changed = {name: CHANGED if name in noted else NEW for name in now}
    return {
        **{name: how for name, how in changed.items() if now[name] != noted.get(name)},
        **dict.fromkeys(noted.keys() - now.keys(), GONE),
    }


def _of_estate(estate: Estate) -> Iterable[Row]:
    urls: dict[str, list[str]] = {}
    for entry in estate.urls():
        if entry["kind"] != "service":
            urls.setdefault(entry["name"], []).append(entry["url"])
    for site in estate.sites:
        served, component = _served(site, estate)
        yield Row(
            name=site.name,
            urls=tuple(urls.get(site.name, ())),
            served=served,
            content=_content(site),
            component=component,
        )


def _served(site: Site, estate: Estate) -> tuple[str, str]:
    """What answers for a site, and whose container that is."""
    if site.redirect:
        return f"Redirects to {estate.redirect_target(site.redirect.to)}", "router"
    if site.upstream:
        return f"Passed on to {site.upstream}", "router"
    if estate.shared(site):
        return "Served by the gateway", "router"
    return f"Served by its own container{', with PHP' if site.runtime == 'php' else ''}", site.name


def _content(site: Site) -> str:
    source = site.source
    if not source:
        return ""
    if source.git:
        return f"git: {source.git}"
    if source.folder:
        return f"folder: {source.folder}"
    return f"folder of the host: {source.host_folder}"
