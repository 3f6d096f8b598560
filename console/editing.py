"""Writing a site's file: the form, what is wrong with the text, and the way back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from config.names import NAME, name_problem
from console import candidate, operations
from console.caddyfile_import.importer import Imported, sites_from_caddyfile
from console.candidate import SITES, Checked, Draft
from console.repository import RepositoryError
from console.state import Console, console_of


def new(request: Request) -> Response:
    """The form for a site that isn't there yet."""
    return _form(console_of(request), request, Draft(is_new=True))


def edit(request: Request) -> Response:
    """The form with a site's file, or with the text of a run that had another one."""
    console, name = console_of(request), _name(request)
    file = f"{name}.yaml"
    now = candidate.text_at(console.root, file)
    run = console.runs.get(request.query_params.get("from", ""))
    text = (run and run.about.edited.get(file)) or now
    if text is None:
        raise HTTPException(404)
    draft = Draft(name=name, text=text, base=candidate.digest(now), is_new=now is None)
    return _form(console, request, draft, candidate.check(console.load, name, text))


async def check(request: Request) -> Response:
    """What is wrong with a text: a part of the form's page."""
    console = console_of(request)
    draft = _draft(await request.form())

    def answer() -> Response:
        imported = _imported(console, draft)
        checked = _checked(console, draft, imported)
        made = len(imported.sites) if imported else 0
        return console.page(request, "sentences.html", {"checked": checked, "made": made})

    return await operations.aside(answer)


async def preview(request: Request) -> Response:
    """Start a preview of the text, unless something is wrong with it, or it is a Caddyfile."""
    draft = _draft(await request.form())
    return await operations.aside(lambda: _preview(console_of(request), request, draft))


def _preview(console: Console, request: Request, draft: Draft) -> Response:
    file = f"{draft.name}.yaml"
    imported = _imported(console, draft)
    if imported and imported.sites:
        return _form_of_imported(console, request, draft, imported)
    checked = _checked(console, draft, imported)
    now = _now(console, draft)
    if not draft.is_new and candidate.digest(now) != draft.base:
        return operations.conflict(console, request, file, now, draft.text)
    if not checked.is_well:
        return _form(console, request, draft, checked, status=422)
    verb = "Add" if now is None else "Change"
    return operations.start_preview(
        request, f"{verb} the site {draft.name}", {file: draft.text}, {file: now}
    )


def _imported(console: Console, draft: Draft) -> Imported | None:
    """What becomes of a Caddyfile; None for the text of a site's file."""
    if not draft.text or candidate.is_site_file(draft.text):
        return None
    is_named = name_problem(f"{draft.name}.yaml", "") is None
    taken = {file.stem for file in (console.root / SITES).glob("*.yaml")} - {draft.name}
    return sites_from_caddyfile(draft.text, name=draft.name if is_named else "", taken=taken)


def _checked(console: Console, draft: Draft, imported: Imported | None) -> Checked:
    if imported:
        told = [(one.line, one.text) for one in imported.sentences]
        return Checked(own=candidate.at_lines(draft.text, told))
    checked = candidate.check(console.load, draft.name, draft.text)
    if draft.is_new and _now(console, draft) is not None:
        why = f"{SITES}/{draft.name}.yaml is there already; choose another name"
        return Checked((candidate.Sentence(0, why), *checked.own), checked.others)
    return checked


def _now(console: Console, draft: Draft) -> str | None:
    """The text of the site's file; None where there is none, or no file may have that name."""
    is_named = re.fullmatch(NAME, draft.name)
    return candidate.text_at(console.root, f"{draft.name}.yaml") if is_named else None


def _form_of_imported(
    console: Console, request: Request, draft: Draft, imported: Imported
) -> Response:
    """The form with a site's file that was made of a Caddyfile, what found no place in it, and the
    files of its other sites.
    """
    named = [site for site in imported.sites if site.name == draft.name]
    site = (named or imported.sites)[0]
    made = Draft(name=site.name, text=site.yaml, base=draft.base, is_new=draft.is_new)
    given = {
        "block": draft.text,
        "told": _checked(console, draft, imported),
        "rest": [other for other in imported.sites if other is not site],
    }
    return _form(console, request, made, _checked(console, made, None), given)


def undo(request: Request) -> Response:
    """Start a preview of what the site's file was before its last commit."""
    console, name = console_of(request), _name(request)
    file, path = f"{name}.yaml", f"{SITES}/{name}.yaml"
    now = candidate.text_at(console.root, file)
    history = console.repository.history(path, 1)
    if not history:
        return console.say(request, 409, f"No commit has {path}, so there is nothing to undo.")
    if lost := _would_lose(console, path):
        return console.say(request, 409, lost)
    try:
        before = console.repository.before(history[0], path)
    except RepositoryError as error:
        return console.say(request, 409, f"{error}.")
    title = f"Undo the last change of the site {name}"
    return operations.start_preview(request, title, {file: before}, {file: now})


async def remove(request: Request) -> Response:
    """Start a preview without the site's file, if its name was typed."""
    console, name = console_of(request), _name(request)
    typed = (await request.form()).get("typed")
    return await operations.aside(lambda: _remove(console, request, name, is_meant=typed == name))


def _remove(console: Console, request: Request, name: str, *, is_meant: bool) -> Response:
    file = f"{name}.yaml"
    now = candidate.text_at(console.root, file)
    if now is None:
        raise HTTPException(404)
    if not is_meant:
        return console.say(request, 422, f"Type {name} beside the button to remove this site.")
    if lost := _would_lose(console, f"{SITES}/{file}"):
        return console.say(request, 409, lost)
    return operations.start_preview(request, f"Remove the site {name}", {file: None}, {file: now})


def _would_lose(console: Console, path: str) -> str:
    """Why a file can't be replaced: git couldn't bring it back. Empty if it could."""
    if path not in console.repository.uncommitted():
        return ""
    return f"{path} has changes that no commit has. Publish them first, or drop them with git."


def _form(
    console: Console,
    request: Request,
    draft: Draft,
    checked: Checked | None = None,
    more: Mapping[str, object] | None = None,
    *,
    status: int = 200,
) -> Response:
    path = f"{SITES}/{draft.name}.yaml"
    given = {
        "draft": draft,
        "checked": checked,
        "history": [] if draft.is_new else console.repository.history(path),
        "block": "",
    }
    return console.page(request, "edit.html", given | dict(more or {}), status=status)


def _draft(form: FormData) -> Draft:
    def value(key: str) -> str:
        given = form.get(key, "")
        return "" if isinstance(given, UploadFile) else given

    text = candidate.as_file(value("text"))
    if len(text.encode()) > candidate.MAX_TEXT:
        raise HTTPException(413)
    return Draft(
        name=value("name").strip(),
        text=text,
        base=value("base"),
        is_new=value("new") == "yes",
    )


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not re.fullmatch(NAME, name):
        raise HTTPException(404)
    return name
