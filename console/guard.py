"""What every request passes before any page: whose it is, where it comes from, how long it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.hosts import CONSOLE
from console.doors import Doors
from console.dropped import MAX_BYTES

LOGIN = "/login"
MAX_BODY = 1 << 20
"""Bytes of a request: a text of 256 KiB as a form writes it, which may take three times as much."""
MAX_UPLOAD = MAX_BYTES + (4 << 20)
"""Bytes of a request with pages, with what the form writes around them."""
_UPLOADS = ("/preview",)
_READS = ("GET", "HEAD")
_PATIENCE = 1 << 30
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: with that a browser tells no origin of the forms that it sends.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Refuse = Callable[[Request, int, str], Response]
"""Makes the page that says why a request is refused."""


@dataclass(frozen=True)
class Address:
    """Where the console is found."""

    port: int

    @property
    def host(self) -> str:
        """Host and port, as a browser names them. The name is its own, and no site may have it,
        as cookies ignore ports.
        """
        return f"{CONSOLE}:{self.port}"

    @property
    def origin(self) -> str:
        """Where its forms come from."""
        return f"http://{self.host}"

    @property
    def cookie(self) -> str:
        """The name of the session's cookie, which another console on this machine doesn't have."""
        return f"homeport-console-{self.port}"


class Guard:
    """Hands on what somebody with a session asks from the console's own pages; only the login
    needs no session. Everything else is answered here.
    """

    def __init__(self, app: ASGIApp, address: Address, doors: Doors, refuse: Refuse) -> None:
        self._app = app
        self._address = address
        self._doors = doors
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        sends = _with_headers(send, nonce)
        request = Request(scope, receive)
        if refused := self._refused(request):
            await self._refuse(request, *refused)(scope, receive, sends)
            return
        kind = request.headers.get("content-type", "")
        if request.scope["path"] in _UPLOADS and kind.startswith("multipart/"):
            await self._app(scope, _counted(receive), sends)
            return
        body = await _body(request) if request.method not in _READS else b""
        if body is None:
            why = "That is longer than the console takes."
            await self._refuse(request, 413, why)(scope, receive, sends)
            return
        await self._app(scope, _replaying(body, receive), sends)

    def _refused(self, request: Request) -> tuple[int, str] | None:
        if request.headers.getlist("host") != [self._address.host]:
            return 421, f"The console is at {self._address.origin} alone."
        origin = request.headers.get("origin")
        cross = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        foreign = origin is not None and origin != self._address.origin
        if cross or foreign or (request.method not in _READS and origin is None):
            return 403, "This request doesn't come from a page of the console."
        if request.scope["path"] == LOGIN:
            return None
        if not self._doors.knows(request.cookies.get(self._address.cookie, "")):
            return 401, "Open the link that the terminal printed. Enter there prints another one."
        return None


def _with_headers(send: Send, nonce: str) -> Send:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )

    async def sends(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sends


async def _body(request: Request) -> bytes | None:
    """The whole of what is sent; None if that is too long."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > MAX_BODY:
        return None
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return None
    except ClientDisconnect:
        return None
    return body


def _counted(receive: Receive) -> Receive:
    """Receives pages as they come. Raises HTTPException once they are too long, and only after
    some more of them: a browser that is cut off while it sends doesn't read the answer.
    """
    left = MAX_UPLOAD

    async def receives() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        while left < 0 and message.get("more_body") and left > -_PATIENCE:
            message = await receive()
            left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return receives


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Receives the body that was read, then whatever comes."""
    left = [body]

    async def receives() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receives
