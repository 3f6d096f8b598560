"""Coming in, going out, and the list of sites."""

from __future__ import annotations

import hashlib
import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from commands.error import CommandError
from config.model import ConfigError
from config.reference import site_schema
from console.state import HERE, console_of

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {
    file.name: (file.read_bytes(), _KINDS[file.suffix])
    for file in (HERE / "static").iterdir()
    if file.suffix in _KINDS
} | {"site.schema.json": (json.dumps(site_schema()).encode(), "application/json")}


def login(request: Request) -> Response:
    """Begin a session, if the link is one that waits. No redirect: the cookie is for requests from
    the console's own pages alone, and a redirect from elsewhere isn't one.
    """
    console = console_of(request)
    word = request.query_params.get("link", "")
    session = console.doors.enter(word) if request.method == "GET" else None
    if session is None:
        why = "This link was used, or it is too old. Enter in the terminal prints another one."
        return console.refuse(request, 401, why)
    answer = console.page(request, "entered.html")
    answer.set_cookie(console.address.cookie, session, httponly=True, samesite="strict")
    return answer


def logout(request: Request) -> Response:
    """End the session, here and in the browser."""
    console = console_of(request)
    console.doors.leave(request.cookies.get(console.address.cookie, ""))
    answer = console.refuse(request, 200, "You are logged out.")
    answer.delete_cookie(console.address.cookie, httponly=True, samesite="strict")
    return answer


def static(request: Request) -> Response:
    """Style, script and picture, and what the editor completes with."""
    if request.path_params["name"] not in _FILES:
        raise HTTPException(404)
    content, kind = _FILES[request.path_params["name"]]
    return Response(content, media_type=kind)


def answers(request: Request) -> Response:
    """What a site's URLs answer: a part of its page."""
    console = console_of(request)
    given: dict[str, object] = {"answers": (), "why": ""}
    try:
        given["answers"] = console.answers(request.path_params["name"])
    except (CommandError, ConfigError) as error:
        given["why"] = str(error)
    return console.page(request, "answers.html", given)


def sites(request: Request) -> Response:
    """The list of sites; for htmx only what changes by itself, and nothing if nothing did."""
    console = console_of(request)
    seen, asking = console.host.seen()
    run = console.runs.latest()
    given = {
        "overview": console.overview(),
        "seen": seen,
        "asking": asking,
        "run": run,
        "state": run.state if run else "well",
        "updating": console.runs.updating(),
    }
    shown = hashlib.sha256(repr(given).encode()).hexdigest()
    is_part = request.headers.get("hx-request") == "true"
    if is_part and request.query_params.get("shown") == shown:
        return Response(status_code=204)
    template = "sites-list.html" if is_part else "sites.html"
    return console.page(request, template, given | {"shown": shown})
