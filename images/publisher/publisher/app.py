"""The HTTP service on port 8000: webhooks, metrics, health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from publisher import metrics, webhook
from publisher.paths import Paths
from publisher.scheduler import Scheduler
from publisher.webhook import Receiver

log = logging.getLogger("publisher")

_MOST_BODY = 5 * 1024 * 1024
_MOST_BODIES = 32 * 1024 * 1024
"""The limit for all bodies together that are being read, because anybody may send one."""
_BODY_SECONDS = 10


class App:
    """Answers requests about the sites of one scheduler."""

    def __init__(self, paths: Paths, scheduler: Scheduler) -> None:
        self._paths, self._scheduler = paths, scheduler
        self._held = 0
        # One route for all paths and methods, because each site chooses its webhook's path.
        self.asgi = Starlette(routes=[Route("/{path:path}", self)], lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(self._scheduler.follow())
        yield
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    async def _answer(self, request: Request) -> Response:
        sites = [job.site for job in self._scheduler.jobs.values()]
        path = request.scope["path"]
        host = request.headers.get("host", "").partition(":")[0].lower()
        if asked := webhook.receivers(sites, self._paths, host, path):
            if request.method != "POST":
                return Response(status_code=405, headers={"Allow": "POST"})
            return await self._pushed(request, asked)
        match request.method, path:
            case "GET" | "HEAD", "/metrics":
                return Response(metrics.exposition(self._scheduler), media_type=CONTENT_TYPE_LATEST)
            case "GET" | "HEAD", "/healthz" if self._scheduler.alive:
                return PlainTextResponse("ok\n")
            case "GET" | "HEAD", "/healthz":
                return PlainTextResponse("the scheduler is stuck\n", 503)
        return Response(status_code=404)

    async def _pushed(self, request: Request, asked: list[Receiver]) -> Response:
        if not (given := webhook.credentials(request.headers)):
            return Response(status_code=403)
        try:
            body = await self._body(request)
        except HTTPException as error:
            return Response(status_code=error.status_code)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        sites = webhook.genuine(asked, given, body)
        if not sites:
            return Response(status_code=403)
        event = webhook.event(request.headers)
        if event == "ping":
            return PlainTextResponse("pong\n")
        if event != "push":
            return PlainTextResponse("nothing to do\n", 202)
        try:
            said = webhook.payload(body, request.headers.get("content-type", ""))
        except webhook.BadPayloadError:
            return PlainTextResponse("the body isn't a JSON object\n", 400)
        names = webhook.pushed(sites, said)
        if stranger := webhook.stranger(sites, said):
            log.warning(
                "%s: ignored a push to %s, because no site with this webhook follows it",
                ", ".join(site.name for site in sites),
                stranger,
            )
        for name in names:
            self._scheduler.trigger(name)
        return PlainTextResponse(f"{', '.join(names) or 'nothing to do'}\n", 202)

    async def _body(self, request: Request) -> bytes:
        """The whole body. Raises HTTPException, TimeoutError, ClientDisconnect.

        A body that is too large is read to its end; a gateway may not read an answer before.
        """
        body, refused = bytearray(), 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.stream():
                    if not refused:
                        body += chunk
                        self._held += len(chunk)
                        refused = self._refused(len(body))
                    if refused:
                        self._held -= len(body)
                        body.clear()
        finally:
            self._held -= len(body)
        if refused:
            raise HTTPException(refused)
        return bytes(body)

    def _refused(self, size: int) -> int:
        """The status for a body that has become too large, else 0."""
        if size > _MOST_BODY:
            return 413
        return 503 if self._held > _MOST_BODIES else 0
