"""Visitors who are broken, slow or hostile, in bounded number: they must hurt nobody else."""

from __future__ import annotations

import base64
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import h2.connection
import h2.exceptions

from .client import Address

_PATIENCE = 10
_HELD = 200
"""Connections that a slow visitor has at once."""
_RESETS = 500
"""Streams that are opened and reset in a second."""


@dataclass(frozen=True)
class There:
    """Whom they annoy: a host that answers over plain HTTP, and one over HTTPS."""

    http: Address
    plain_host: str
    https: Address
    host: str

    def plain(self) -> socket.socket:
        return socket.create_connection(self.http, _PATIENCE)

    def secure(self, protocol: str) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        connected = socket.create_connection(self.https, _PATIENCE)
        try:
            return context.wrap_socket(connected, server_hostname=self.host)
        except BaseException:
            connected.close()
            raise


Nuisance = Callable[[There, threading.Event], int]
"""Annoys until the event is set, and returns how often it did."""


@contextmanager
def nuisance(annoy: Nuisance, there: There) -> Iterator[None]:
    """Somebody annoys while the block lasts. Raises what kept them from it."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        annoying = pool.submit(annoy, there, over)
        try:
            yield
        finally:
            over.set()
        assert annoying.result(), f"{annoy.__name__} did nothing"


def broken_chunks(there: There, over: threading.Event) -> int:
    """Uploads whose second chunk has no length."""

    def once() -> None:
        with _upload(there, "Transfer-Encoding: chunked", "5\r\nhello\r\nZZ\r\n") as visitor:
            visitor.recv(100)

    return _again_and_again(once, over)


def cancelled_uploads(there: There, over: threading.Event) -> int:
    """Uploads that end long before their announced length."""

    def once() -> None:
        _upload(there, "Content-Length: 1000000", "hello").close()

    return _again_and_again(once, over)


def half_closed_uploads(there: There, over: threading.Event) -> int:
    """The same by visitors who still listen."""

    def once() -> None:
        with _upload(there, "Content-Length: 1000000", "hello") as visitor:
            visitor.shutdown(socket.SHUT_WR)

    return _again_and_again(once, over)


def slow_headers(there: There, over: threading.Event) -> int:
    """Requests whose headers come byte by byte."""
    return _slowly(there, f"GET / HTTP/1.1\r\nHost: {there.plain_host}\r\nX-Slow: ", over)


def slow_bodies(there: There, over: threading.Event) -> int:
    """Uploads whose body comes byte by byte."""
    head = f"POST / HTTP/1.1\r\nHost: {there.plain_host}\r\nContent-Length: 1000000\r\n\r\n"
    return _slowly(there, head, over)


def unfinished_handshakes(there: There, over: threading.Event) -> int:
    """Visitors who say hello and never answer the server's."""
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), hello, server_hostname=there.host
    )
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    said = hello.read()
    with ExitStack() as open_:
        for _ in range(_HELD):
            open_.enter_context(socket.create_connection(there.https, _PATIENCE)).sendall(said)
        over.wait()
    return _HELD


def idle_connections(there: There, over: threading.Event) -> int:
    """Visitors who never say a word, a tenth of them to the port for HTTP."""
    number = 10 * _HELD
    with ExitStack() as open_:
        for count in range(number):
            at = there.http if count % 10 == 0 else there.https
            open_.enter_context(socket.create_connection(at, _PATIENCE))
        over.wait()
    return number


def resets(there: There, over: threading.Event) -> int:
    """Requests over HTTP/2 that are taken back at once."""
    done = 0
    while not over.is_set():
        with suppress(OSError, h2.exceptions.H2Error), there.secure("h2") as visitor:
            visitor.settimeout(_PATIENCE)
            connection = h2.connection.H2Connection()
            connection.initiate_connection()
            for _ in _paced(_RESETS / 10, over):
                for _ in range(10):
                    stream = connection.get_next_available_stream_id()
                    connection.send_headers(stream, _request(there), end_stream=True)
                    connection.reset_stream(stream)
                visitor.sendall(connection.data_to_send())
                _listen(visitor, connection)
                done += 10
    return done


def wrong_passwords(name: str, *, a_second: int = 20) -> Nuisance:
    """Somebody who guesses the password of `name`, without waiting for answers."""

    def guesses(there: There, over: threading.Event) -> int:
        number = itertools.count()

        def once() -> None:
            given = base64.b64encode(f"{name}:{time.monotonic_ns()}{next(number)}".encode())
            with there.secure("http/1.1") as visitor:
                visitor.settimeout(60)
                visitor.sendall(
                    f"GET / HTTP/1.1\r\nHost: {there.host}\r\nConnection: close\r\n"
                    f"Authorization: Basic {given.decode()}\r\n\r\n".encode()
                )
                visitor.recv(100)

        with ThreadPoolExecutor(100) as pool:
            asked = [pool.submit(once) for _ in _paced(a_second, over)]
            pool.shutdown(cancel_futures=True)
        return sum(each.done() and not each.cancelled() for each in asked)

    return guesses


HARMLESS: Sequence[Nuisance] = (
    broken_chunks, cancelled_uploads, half_closed_uploads, slow_headers, slow_bodies,
    unfinished_handshakes, idle_connections, resets,
)  # fmt: skip
"""All that need no account."""


def _upload(there: There, header: str, body: str) -> socket.socket:
    visitor = there.plain()
    head = f"POST / HTTP/1.1\r\nHost: {there.plain_host}\r\n{header}\r\n\r\n"
    visitor.sendall(f"{head}{body}".encode())
    return visitor


def _again_and_again(once: Callable[[], None], over: threading.Event) -> int:
    """Twenty times a second; the server may close the connection at any moment."""
    done = 0
    for _ in _paced(20, over):
        with suppress(OSError):
            once()
            done += 1
    return done


def _slowly(there: There, head: str, over: threading.Event) -> int:
    """A byte a second on each connection, and a new one where the server has had enough."""
    visitors: list[socket.socket] = []
    try:
        for _ in _paced(1, over):
            while len(visitors) < _HELD:
                visitors.append(there.plain())
                visitors[-1].sendall(head.encode())
            for visitor in list(visitors):
                try:
                    visitor.sendall(b"x")
                except OSError:
                    visitor.close()
                    visitors.remove(visitor)
        return len(visitors)
    finally:
        for visitor in visitors:
            visitor.close()


def _paced(a_second: float, over: threading.Event) -> Iterator[None]:
    """So many turns a second, until it is over. Who is late doesn't catch up."""
    due = time.monotonic()
    while not over.wait(max(0.0, due - time.monotonic())):
        yield
        due = max(due + 1 / a_second, time.monotonic())


def _request(there: There) -> list[tuple[str, str]]:
    host = f"{there.host}:{there.https[1]}"
    return [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", "/")]


def _listen(visitor: ssl.SSLSocket, connection: h2.connection.H2Connection) -> None:
    """Take in what came. Raises OSError where the server has closed."""
    visitor.setblocking(False)
    try:
        while came := visitor.recv(65536):
            connection.receive_data(came)
        raise ConnectionError("closed")
    except ssl.SSLWantReadError:
        pass
    finally:
        visitor.settimeout(_PATIENCE)
