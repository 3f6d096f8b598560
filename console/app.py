"""The console's web application: its routes, behind the guard."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from console import editing, operations, pages, reverting
from console.candidate import MAX_TEXT
from console.dropped import MAX_BYTES
from console.guard import LOGIN, Guard
from console.state import Console, console_of

ROUTES = (
    Route(LOGIN, pages.login),
    Route("/logout", pages.logout, methods=["POST"]),
    Route("/static/{name}", pages.static),
    Route("/", pages.sites),
    Route("/new", editing.new),
    Route("/sites/{name}", editing.edit),
    Route("/sites/{name}/answers", pages.answers),
    Route("/check", editing.check, methods=["POST"]),
    Route("/fill", editing.fill, methods=["POST"]),
    Route("/preview", editing.preview, methods=["POST"]),
    Route("/sites/{name}/undo", reverting.undo, methods=["POST"]),
    Route("/sites/{name}/remove", reverting.remove, methods=["POST"]),
    Route("/waiting", operations.waiting, methods=["POST"]),
    Route("/runs/{run}", operations.show),
    Route("/runs/{run}/try", operations.attempt, methods=["POST"]),
    Route("/runs/{run}/publish", operations.publish, methods=["POST"]),
    Route("/runs/{run}/cancel", operations.cancel, methods=["POST"]),
)
_TOO_LONG = (
    f"That is longer than the console takes: {MAX_TEXT >> 10} KiB of text, and "
    f"{MAX_BYTES >> 20} MiB of pages."
)
_WORDS = {413: _TOO_LONG, 404: "There is no such page.", 405: "That can't be done here."}


def make_app(console: Console) -> ASGIApp:
    """The application of one stack, its guard before it."""
    app = Starlette(routes=ROUTES, exception_handlers={HTTPException: _told, 500: _failed})
    app.state.console = console
    return Guard(app, console.address, console.doors, console.refuse)


def _told(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = _WORDS.get(status, "That isn't possible.")
    return console_of(request).say(request, status, why)


def _failed(request: Request, _: Exception) -> Response:
    why = "The console failed. The terminal in which it runs says why."
    return console_of(request).refuse(request, 500, why)
