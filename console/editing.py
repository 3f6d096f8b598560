"""Writing a site's file, with its pages: the form, and what is wrong with the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from config.names import NAME, name_problem
from console import candidate, declared, fields, operations
from console.caddyfile_import.importer import Imported, sites_from_caddyfile
from console.candidate import SITES, Checked, Draft
from console.dropped import MAX_FILES, DroppedError, differences, listing
from console.pages_of_site import digest_of, folder_of, led_here, led_to
from console.run import Pages
from console.state import Console, console_of

_CHOSEN = "chosen"
"""Stands for the name of pages that the browser hasn't sent yet."""


def new(request: Request) -> Response:
    """The form for a site that isn't there yet."""
    return _form(console_of(request), request, Draft(is_new=True))


def edit(request: Request) -> Response:
    """The form with a site's file, or with the text of a run that had another one."""
    console, name = console_of(request), operations.name_of(request)
    file = f"{name}.yaml"
    now = candidate.text_at(console.root, file)
    run = console.runs.get(request.query_params.get("from", ""))
    text = (run and run.about.edited.get(file)) or now
    if text is None:
        raise HTTPException(404)
    pages = run.about.pages.given if run and run.about.pages else ""
    draft = Draft(name=name, text=text, base=candidate.digest(now), is_new=now is None, pages=pages)
    return _form(console, request, draft, _checked(console, draft, None))


async def check(request: Request) -> Response:
    """What is wrong with a text: a part of the form's page."""
    console = console_of(request)
    form = await request.form()
    draft = _draft(form)
    if "folder" in form or "zip" in form:  # chosen, and not sent yet
        draft = _with_text(replace(draft, pages=draft.pages or _CHOSEN))

    def answer() -> Response:
        imported = _imported(console, draft)
        checked = _checked(console, draft, imported)
        made = len(imported.sites) if imported else 0
        return console.page(request, "sentences.html", {"checked": checked, "made": made})

    return await operations.aside(answer)


async def fill(request: Request) -> Response:
    """The form, with its fields written into the text."""
    console, form = console_of(request), await request.form()
    draft = _draft(form)
    text = candidate.as_file(fields.written(draft.text, *fields.given(form)))
    return await operations.aside(lambda: _filled(console, request, replace(draft, text=text)))


def _filled(console: Console, request: Request, draft: Draft) -> Response:
    return _form(console, request, draft, _checked(console, draft, _imported(console, draft)))


async def preview(request: Request) -> Response:
    """Start a preview of the text and the pages, unless something is wrong with them, or the text
    is a Caddyfile.
    """
    console = console_of(request)
    async with console.uploads:
        try:
            form = await request.form(max_files=4 * MAX_FILES)
        except (HTTPException, ClientDisconnect) as error:  # too many files, or too long a text
            raise HTTPException(413) from error
        try:
            draft = _draft(form)
            return await operations.aside(lambda: _with_pages(console, request, draft, form))
        finally:
            await form.close()


def _with_pages(console: Console, request: Request, draft: Draft, form: FormData) -> Response:
    """The preview, after the pages were put where they wait."""
    zips, files = (
        [file for file in form.getlist(key) if isinstance(file, UploadFile) and file.filename]
        for key in ("zip", "folder")
    )
    try:
        if zips:
            given = console.dropped.take_zip(zips[0].file)
        elif files:
            given = console.dropped.take((file.filename or "", file.file) for file in files)
        else:
            return _preview(console, request, draft)
    except DroppedError as error:
        checked = Checked(own=(candidate.Sentence(0, str(error)),))
        return _form(console, request, draft, checked, status=422)
    return _preview(console, request, _with_text(replace(draft, pages=given)))


def _with_text(draft: Draft) -> Draft:
    """The least that makes a site of pages and a name, where nobody wrote more."""
    least = f"hosts: [{draft.name}]\nsource: {{folder: {folder_of(draft.name)}}}\n"
    return replace(draft, text=draft.text if draft.text.strip() else least)


def _preview(console: Console, request: Request, draft: Draft) -> Response:
    file = f"{draft.name}.yaml"
    imported = _imported(console, draft)
    if imported and imported.sites:
        return _form_of_imported(console, request, draft, imported)
    checked = _checked(console, draft, imported)
    now = _now(console, draft)
    if not draft.is_new and candidate.digest(now) != draft.base:
        return operations.conflict(console, request, file, now, draft.text, given=draft.pages)
    if not checked.is_well:
        return _form(console, request, draft, checked, status=422)
    pages = _pages(console, draft)
    if pages and (lost := operations.would_lose(console, pages.folder)):
        return console.say(request, 409, lost)
    verb = "Add" if now is None else "Change"
    return operations.start_preview(
        request, f"{verb} the site {draft.name}", {file: draft.text}, {file: now}, pages
    )


def _pages(console: Console, draft: Draft) -> Pages | None:
    given = console.dropped.at(draft.pages)
    if not given:
        return None
    folder = folder_of(draft.name)
    now = console.root / folder
    return Pages(
        folder=folder,
        given=draft.pages,
        before=digest_of(now),
        lines=tuple(differences(listing(now), listing(given))),
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
    text, folder = draft.text, folder_of(draft.name)
    if draft.pages:
        # Pages that were chosen and not sent yet are taken for a folder that is there.
        place = console.dropped.at(draft.pages) or console.root / SITES
        led = led_to(text, draft.name, str(place.relative_to(console.root)))
        if led is None:
            why = f"the pages become {folder}; write `source: {{folder: {folder}}}`"
            return Checked((candidate.Sentence(0, why),))
        text = led
    checked = candidate.check(console.load, draft.name, text)
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
    text = led_here(site.yaml, site.name) if draft.pages else site.yaml
    made = replace(draft, name=site.name, text=text)
    given = {
        "block": draft.text,
        "told": _checked(console, draft, imported),
        "rest": [other for other in imported.sites if other is not site],
    }
    return _form(console, request, made, _checked(console, made, None), given)


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
    shown = {
        "draft": draft,
        "checked": checked,
        "history": [] if draft.is_new else console.repository.history(path, folder_of(draft.name)),
        "pages": len(listing(given)) if (given := console.dropped.at(draft.pages)) else 0,
        "block": "",
        "fields": fields.read(draft.text),
        "compared": None if draft.is_new else declared.of_site(console.runs.all(), draft.name),
    }
    return console.page(request, "edit.html", shown | dict(more or {}), status=status)


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
        pages=value("pages"),
    )
