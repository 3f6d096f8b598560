"""The list of sites, read from the files, from git, and from what `up` noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from commands import live
from config.estate import Estate
from config.model import ConfigError
from config.site import Site
from console.candidate import SITES
from console.overview import Overview, Row
from console.repository import Repository

CHANGED = "changed since it was put live"
NEW = "not put live yet"
GONE = "live, but its file is gone"


def overview(load: Callable[[], Estate], stack: str, repository: Repository) -> Overview:
    """The sites of a stack's files; only their names if the files have problems."""
    problems: tuple[str, ...] = ()
    try:
        rows = list(_of_estate(load()))
    except ConfigError as error:
        problems = error.problems
        files = (repository.root / SITES).glob("[!.]*.yaml")
        rows = [Row(name=file.stem) for file in files]
    commits = repository.last_commits(SITES)
    edited = set(repository.uncommitted())
    waiting = _waiting(stack, repository.root)
    there = {row.name: row for row in rows}
    gone = {name: Row(name=name, there=False) for name in waiting if waiting[name] == GONE}
    shown = tuple(
        Row(
            **{**vars(row), "commit": commits.get(path), "edited": path in edited}
            | {"waiting": waiting.get(row.name, "")}
        )
        for row in sorted((there | gone).values(), key=lambda row: row.name)
        for path in [f"{SITES}/{row.name}.yaml"]
    )
    return Overview(shown, problems, repository.not_pushed())


def urls(load: Callable[[], Estate]) -> Mapping[str, tuple[str, ...]]:
    """Where each site answers, by its name; nothing if the files have problems."""
    try:
        return _urls(load())
    except ConfigError:
        return {}


def _urls(estate: Estate) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in estate.urls():
        if entry["kind"] != "service":
            found[entry["name"]] = (*found.get(entry["name"], ()), entry["url"])
    return found


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
    urls = _urls(estate)
    for site in estate.sites:
        served, component = _served(site, estate)
        yield Row(
            name=site.name,
            urls=urls.get(site.name, ()),
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
