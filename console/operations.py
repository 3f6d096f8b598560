"""Previews and updates: starting, watching, cancelling, and publishing what a preview showed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from config.edited import Edited
from config.names import NAME
from config.settings import LOCAL_STACK
from console import candidate
from console.candidate import SITES, ChangedError, Draft
from console.pages_of_site import digest_of, led_to
from console.repository import RepositoryError
from console.run import About, Pages, Run
from console.runs import BusyError, an_about
from console.state import Console, console_of


async def aside(answer: Callable[[], Response]) -> Response:
    """An answer that takes time, while others go on."""
    return await run_in_threadpool(answer)


def waiting(request: Request) -> Response:
    """Start a preview of the files as they are."""
    return start_preview(request, "Put live what waits", {}, {})


def start_preview(
    request: Request, title: str, edited: Edited, before: Edited, pages: Pages | None = None
) -> Response:
    """Start a preview with these texts laid over the files, and these pages, and lead to it."""
    console = console_of(request)
    about = an_about("preview", title, edited, before, _files(console), pages=pages)
    return _start(console, request, about)


def show(request: Request) -> Response:
    """A run, as far as it has come; for htmx only what changes, and nothing if nothing did."""
    console, run = console_of(request), _run(request)
    about, state = run.about, run.state
    seen = f"{run.size}-{state}"
    is_part = request.headers.get("hx-request") == "true"
    if is_part and request.query_params.get("seen") == seen:
        return Response(status_code=204)
    steps = run.steps
    files = {f"{SITES}/{file}" for file in about.edited}
    site = next((file.removesuffix(".yaml") for file in about.edited), "")
    given = {
        "run": run,
        "about": about,
        "seen": seen,
        "state": state,
        "steps": steps,
        "lines": candidate.difference(about.before, about.edited),
        "site": site,
        "urls": _urls(console, about, site) if state == "well" else (),
        "is_removed": bool(site) and all(text is None for text in about.edited.values()),
        "own": [found for found in run.sentences if found[0] in files],
        "also": [path for path in console.repository.uncommitted() if path not in files],
        "pages": about.pages,
        "can_try": bool(about.edited) and console.stack != LOCAL_STACK,
        "latest": console.runs.latest_of_stack(),
        "has_changes": bool(steps or (about.pages and about.pages.lines))
        or about.edited != about.before,
        "is_latest": about.kind == "try" or _is_latest(console, run),
    }
    return console.page(request, "run-part.html" if is_part else "run.html", given)


def _urls(console: Console, about: About, site: str) -> tuple[str, ...]:
    """Where the site of a run answers, or will; nothing of one that is only tried elsewhere."""
    if not site or about.kind == "try":
        return ()
    return console.urls({} if about.kind == "up" else _laid_over(console, about)).get(site, ())


def cancel(request: Request) -> Response:
    """End a run."""
    run = _run(request)
    console_of(request).runs.cancel(run)
    return RedirectResponse(f"/runs/{run.name}", 303)


def attempt(request: Request) -> Response:
    """Bring the local stack to what a preview for another one showed."""
    console, run = console_of(request), _run(request)
    about = run.about
    if console.stack == LOCAL_STACK or about.kind != "preview" or run.state != "well":
        why = f"Only a preview for another stack that went well can be tried on {LOCAL_STACK}."
        return console.say(request, 409, why, run)
    title = f"Try on {LOCAL_STACK}: {about.title}"
    return _start(
        console,
        request,
        an_about("try", title, about.edited, about.before, about.others, pages=about.pages),
    )


def publish(request: Request) -> Response:
    """Write and commit what a preview showed, and bring the host to it."""
    console, run = console_of(request), _run(request)
    about = run.about
    if about.kind != "preview" or run.state != "well":
        return console.say(request, 409, "Only a preview that went well can be published.", run)
    pages = about.pages
    given = console.dropped.at(pages.given) if pages and pages.given else None
    if pages and pages.given and not given:
        return console.say(request, 409, "The pages are gone; choose and preview them again.", run)
    up = an_about("up", about.title, about.edited, about.before, about.others, pages=pages)

    def prepare() -> None:
        if not _is_latest(console, run):
            raise BusyError("Something was started after this preview.", console.runs.latest())
        others = _changed_since(console, about)
        if others:
            raise BusyError(f"{', '.join(others)} changed after the preview; preview again.")
        candidate.put(
            console.root,
            console.repository,
            about.edited,
            about.before,
            about.title,
            pages=pages,
            given=given,
        )

    try:
        return _start(console, request, up, prepare)
    except ChangedError as error:
        mine = about.edited[error.file]
        return conflict(
            console, request, error.file, error.now, mine, given=(pages and pages.given) or ""
        )
    except (RepositoryError, OSError) as error:
        return console.say(request, 409, f"Nothing was written: {error}.", run)


def conflict(
    console: Console,
    request: Request,
    file: str,
    now: str | None,
    mine: str | None,
    *,
    given: str = "",
) -> Response:
    """Both texts of a file that somebody else changed meanwhile."""
    draft = Draft(
        name=file.removesuffix(".yaml"),
        text=mine or "",
        base=candidate.digest(now),
        is_new=now is None,
        pages=given,
    )
    lines = candidate.difference({file: now}, {file: mine})
    shown = {"draft": draft, "path": f"{SITES}/{file}", "now": now, "lines": lines}
    return console.page(request, "conflict.html", shown, status=409)


def would_lose(console: Console, path: str) -> str:
    """Why a file or folder can't be replaced: git couldn't bring it back. Empty if it could."""
    unsaved = console.repository.unsaved(path)
    if not unsaved:
        return ""
    return (
        f"{unsaved[0]} has changes that no commit has. Publish them first, or drop them with git."
    )


def _start(
    console: Console,
    request: Request,
    about: About,
    prepare: Callable[[], None] = lambda: None,
) -> Response:
    try:
        run = console.runs.start(about, prepare, _laid_over(console, about))
    except BusyError as error:
        return console.say(request, 409, str(error), error.run)
    return RedirectResponse(f"/runs/{run.name}", 303)


def _laid_over(console: Console, about: About) -> Edited:
    """The texts that a preview reads: one of a site with new pages names the folder in which these
    wait.
    """
    pages = about.pages
    if not pages or not pages.given:
        return about.edited
    place = str(console.dropped.place(pages.given).relative_to(console.root))
    name = Path(pages.folder).name
    return {
        file: text and (led_to(text, name, place) or text) for file, text in about.edited.items()
    }


def _changed_since(console: Console, about: About) -> list[str]:
    """Other files that aren't as the preview had them, or the site's own folder."""
    now = _files(console)
    own = {f"{SITES}/{file}" for file in about.edited}
    if (pages := about.pages) and digest_of(console.root / pages.folder) != pages.before:
        return [pages.folder]
    return sorted(
        path
        for path in (now.keys() | about.others.keys()) - own
        if now.get(path) != about.others.get(path)
    )


def _files(console: Console) -> dict[str, str]:
    """Digests of all files that say what the stack is, by their paths."""
    root = console.root
    files = [*root.glob(f"Pulumi.{console.stack}.yaml"), *(root / "config").rglob("[!.]*.y*ml")]
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def _is_latest(console: Console, run: Run) -> bool:
    latest = console.runs.latest_of_stack()
    return latest is not None and latest.name == run.name


def _run(request: Request) -> Run:
    run = console_of(request).runs.get(request.path_params["run"])
    if not run:
        raise HTTPException(404)
    return run


def name_of(request: Request) -> str:
    """The site that a path names. Raises HTTPException for what no site is called."""
    name: str = request.path_params["name"]
    if not re.fullmatch(NAME, name):
        raise HTTPException(404)
    return name
