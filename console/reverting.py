"""The way back: what a site was before its last commit, and a stack without it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console import candidate, operations
from console.candidate import SITES
from console.dropped import differences, listing
from console.pages_of_site import digest_of, folder_of
from console.repository import Commit, RepositoryError
from console.run import Pages
from console.state import Console, console_of


def undo(request: Request) -> Response:
    """Start a preview of what the site's file and folder were before its last commit."""
    console, name = console_of(request), operations.name_of(request)
    file, path = f"{name}.yaml", f"{SITES}/{name}.yaml"
    now = candidate.text_at(console.root, file)
    history = console.repository.history(path, folder_of(name), at_most=1)
    if not history:
        return console.say(request, 409, f"No commit has {path}, so there is nothing to undo.")
    if lost := operations.would_lose(console, path):
        return console.say(request, 409, lost)
    try:
        before = now
        if console.repository.changed(history[0], path):
            before = console.repository.before(history[0], path)
        pages = _pages_before(console, history[0], name, before)
    except RepositoryError as error:
        return console.say(request, 409, f"{error}.")
    if pages and (lost := operations.would_lose(console, pages.folder)):
        return console.say(request, 409, lost)
    title = f"Undo the last change of the site {name}"
    return operations.start_preview(request, title, {file: before}, {file: now}, pages)


def _pages_before(console: Console, commit: Commit, name: str, text: str | None) -> Pages | None:
    """The site's folder before a commit, if that changed it. One that wasn't there goes, unless a
    site's file still names it.
    """
    folder = folder_of(name)
    if not console.repository.changed(commit, folder):
        return None
    given, place = console.dropped.fresh()
    if not console.repository.bring_back(commit, folder, place):
        others = (console.root / SITES).glob("[!.]*.yaml")
        texts = [other.read_text(errors="replace") for other in others if other.stem != name]
        if any(folder in each for each in (text or "", *texts)):
            return None
        given = ""
    now = console.root / folder
    return Pages(
        folder=folder,
        given=given,
        before=digest_of(now),
        lines=tuple(differences(listing(now), listing(place))),
    )


async def remove(request: Request) -> Response:
    """Start a preview without the site's file, if its name was typed."""
    console, name = console_of(request), operations.name_of(request)
    typed = (await request.form()).get("typed")
    return await operations.aside(lambda: _remove(console, request, name, is_meant=typed == name))


def _remove(console: Console, request: Request, name: str, *, is_meant: bool) -> Response:
    file = f"{name}.yaml"
    now = candidate.text_at(console.root, file)
    if now is None:
        raise HTTPException(404)
    if not is_meant:
        return console.say(request, 422, f"Type {name} beside the button to remove this site.")
    if lost := operations.would_lose(console, f"{SITES}/{file}"):
        return console.say(request, 409, lost)
    return operations.start_preview(request, f"Remove the site {name}", {file: None}, {file: now})
