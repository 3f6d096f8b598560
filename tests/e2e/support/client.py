"""A visitor: asks a URL at a given address, over verified TLS, with HTTP/1.1, 2 or 3.

Names are never looked up. Each call says which address and port to connect to, as
`curl --resolve` does, so that a test needs no `/etc/hosts` and reaches the host it means.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import httpx
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset

Address = tuple[str, int]
Http = Literal["1.1", "2", "3"]


@dataclass(frozen=True)
class Answer:
    """What the server said; `http` is the version that was spoken, as the protocol names it."""

    status: int
    headers: httpx.Headers
    body: bytes
    http: str

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def get(
    url: str,
    *,
    address: Address,
    ca: Path | None = None,
    http: Http = "1.1",
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    timeout: float = 5,
) -> Answer:
    """Ask `url` at `address`, in exactly that HTTP version, without following redirects.
    `method` is for HTTP/1.1 and 2.

    An https URL needs `ca`, the only authority that is trusted. Failing to connect, to
    verify or to agree on the version raises; a status of any kind is an answer.
    """
    parts = urlsplit(url)
    if ca is None and (parts.scheme == "https" or http == "3"):
        raise ValueError(f"{url}: give the stack's CA; an unverified answer proves nothing")
    if http == "3":
        return asyncio.run(asyncio.wait_for(_get_h3(parts, address, ca, headers or {}), timeout))
    # httpx connects to what the URL names, so that is the address; the host goes where the
    # server looks for it: into SNI (against which the certificate is checked) and Host.
    there = parts._replace(netloc=f"{address[0]}:{address[1]}").geturl()
    with httpx.Client(
        http1=http == "1.1",
        http2=http == "2",
        verify=ssl.create_default_context(cafile=ca),
        timeout=timeout,
        trust_env=False,  # no proxy and no certificates of the person who runs the tests
    ) as client:
        answer = client.request(
            method,
            there,
            headers={"Host": parts.netloc, **(headers or {})},
            extensions={"sni_hostname": parts.hostname},
        )
    return Answer(answer.status_code, answer.headers, answer.content, answer.http_version)


def serves(
    url: str,
    marker: str,
    *,
    address: Address,
    ca: Path | None = None,
    http: Http = "1.1",
) -> Answer:
    """The answer to `url`; raises AssertionError unless it is 200 with the page's own marker."""
    answer = get(url, address=address, ca=ca, http=http)
    if answer.status != 200 or marker not in answer.text:
        raise AssertionError(
            f"{url} over HTTP/{http}: expected 200 with {marker!r}, "
            f"got {answer.status} with {answer.text[:200]!r}"
        )
    return answer


def refusal(sni: str | None, *, address: Address, timeout: float = 5) -> str:
    """The alert with which the server refuses a handshake for `sni`; "" when it agrees.

    Only a TLS alert is a refusal: a port that is closed, a reset or a silence raises.
    The certificate isn't looked at, because any that the server hands out is no refusal.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(address, timeout) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=sni):
                return ""
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):
                return error.reason
            raise


async def _get_h3(
    parts: SplitResult, address: Address, ca: Path | None, headers: Mapping[str, str]
) -> Answer:
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=H3_ALPN,
        server_name=parts.hostname,
        cafile=str(ca),
    )
    async with connect(
        *address,
        configuration=configuration,
        create_protocol=_H3Client,
        wait_connected=False,  # it would raise without saying why; `get` does say
    ) as protocol:
        assert isinstance(protocol, _H3Client)
        return await protocol.get(parts, headers)


class _H3Client(QuicConnectionProtocol):
    """One GET over one QUIC connection."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self._h3 = H3Connection(self._quic)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def get(self, parts: SplitResult, headers: Mapping[str, str]) -> Answer:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._h3.send_headers(
            self._quic.get_next_available_stream_id(),
            [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":authority", parts.netloc.encode()),
                (b":path", path.encode()),
                *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            ],
            end_stream=True,
        )
        self.transmit()
        await self._done
        status = int(dict(self._headers)[b":status"])
        headers = httpx.Headers([pair for pair in self._headers if pair[0][:1] != b":"])
        return Answer(status, headers, self._body, "HTTP/3")

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated) and not self._done.done():
            self._done.set_exception(ConnectionError(f"QUIC closed: {event.reason_phrase}"))
        if isinstance(event, StreamReset) and not self._done.done():
            self._done.set_exception(ConnectionError(f"the answer was cut: {event.error_code}"))
        for answer in self._h3.handle_event(event):
            if isinstance(answer, HeadersReceived):
                self._headers += answer.headers
            if isinstance(answer, DataReceived):
                self._body += answer.data
            if isinstance(answer, HeadersReceived | DataReceived) and answer.stream_ended:
                self._done.set_result(None)
