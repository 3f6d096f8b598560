"""What the pages share: one stack, its files and git, who may come in, and how a page is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from config.edited import Edited
from console.doors import Doors
from console.dropped import Dropped
from console.guard import Address
from console.overview import Answered, Overview
from console.repository import Repository
from console.run import Run
from console.runs import Runs
from console.seen import Host
from values.command_line import make

HERE = Path(__file__).parent
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE = (HERE / "static/style.css").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Console:
    """The console of one stack."""

    stack: str
    root: Path
    """The checkout."""
    load: Callable[[Edited], object]
    """Reads the stack's files, with texts laid over those of sites. Raises ConfigError."""
    urls: Callable[[Edited], Mapping[str, tuple[str, ...]]]
    """Where sites answer, with texts laid over those of sites; nothing if these have problems."""
    overview: Callable[[], Overview]
    """Reads the list of sites."""
    repository: Repository
    """The checkout's git."""
    address: Address
    doors: Doors
    host: Host
    runs: Runs
    dropped: Dropped
    """Pages that wait."""
    answers: Callable[[str], Sequence[Answered]]
    """Asks the URLs of a site. Raises CommandError where the host is away."""
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One form with pages is read at a time, as it stands in memory."""

    def page(
        self,
        request: Request,
        template: str,
        given: Mapping[str, object] | None = None,
        *,
        status: int = 200,
    ) -> HTMLResponse:
        """A page, or a part of one, from its template."""
        text = _PAGES.get_template(template).render(
            nonce=request.state.nonce,
            stack=self.stack,
            make=lambda target: make(self.stack, target),
            **(given or {}),
        )
        return HTMLResponse(text, status)

    def say(self, request: Request, status: int, why: str, run: Run | None = None) -> HTMLResponse:
        """A page with one sentence, and the way to a run that it is about."""
        return self.page(request, "message.html", {"why": why, "run": run}, status=status)

    def refuse(self, request: Request, status: int, why: str) -> HTMLResponse:
        """The page of somebody who gets nothing else: it needs no other file."""
        return self.page(request, "refused.html", {"why": why, "style": _STYLE}, status=status)


def console_of(request: Request) -> Console:
    """The console that a request is for."""
    console: Console = request.app.state.console
    return console
