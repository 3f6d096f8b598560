"""Visitors in number, while something changes: the words "no failed request".

    with Load(url, marker="…", address=("127.0.0.1", 8443), ca=ca) as load:
        deploy()
    load.check()

Eight clients ask the same page, in a thread each, four on a connection that they keep and
four on a new one each time. A request fails by any error, another status, a body without
the page's marker, or more than 5 s. The load lasts as long as the block, and until there
were 2,000 requests in 20 s at the least. Those figures are fixed on purpose.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import urlsplit

from .client import Address


class Load:
    """Requests in the background; after the block, `check()` and the figures."""

    requests: ClassVar = 2_000
    seconds: ClassVar = 20.0
    clients: ClassVar = 8
    patience: ClassVar = 5.0
    pace: ClassVar = 110.0
    """Requests a second of all clients together, so that the least number is there in time: a fifth
    of one core, with half of them on new TLS connections. More would measure the machine."""
    longest: ClassVar = 600.0
    """Seconds after which a load ends by itself, and so a bound of its requests as well."""
    overtime: ClassVar = 60.0
    """Seconds after the block within which the least number has to be reached."""

    def __init__(
        self,
        url: str,
        *,
        marker: str,
        address: Address,
        ca: Path | None = None,
        share: float = 1,
        authorization: str = "",
    ) -> None:
        """Ask `url` at `address`; an https URL needs `ca`, the only authority trusted.

        `share` of the pace is this load's, where several run at once. With less than all of it the
        least number takes longer: 26 s with 0.7. `authorization` is the header by that name.
        """
        self.url = url
        self._between = self.clients / (self.pace * share)
        self.count = 0
        self.failed = 0
        self.first_failures: list[str] = []
        self.slowest = 0.0
        self.lasted = 0.0
        self._parts = urlsplit(url)
        self._headers = {"Host": self._parts.netloc}
        if authorization:
            self._headers["Authorization"] = authorization
        self._marker = marker.encode()
        self._address = address
        self._tls: ssl.SSLContext | None = None
        if self._parts.scheme == "https":
            if ca is None:
                raise ValueError(f"{url}: give the stack's CA; unverified answers prove nothing")
            self._tls = ssl.create_default_context(cafile=ca)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ended_early = False
        self._threads = [
            threading.Thread(target=self._visit, args=(number,), daemon=True)
            for number in range(self.clients)
        ]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._ended_early = self._over()
            latest = time.monotonic() + self.overtime
            while time.monotonic() < latest and not self._enough() and not self._over():
                time.sleep(0.05)
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * self.patience)
            if thread.is_alive():
                self._record(0, f"{thread.name} was still waiting when the load ended")
        self.lasted = time.monotonic() - self._began

    def check(self) -> None:
        """Raise AssertionError, with all figures, unless the load was enough and none failed."""
        if self._ended_early:
            raise AssertionError(f"the load ended before the block did: {self}")
        if not self._enough():
            raise AssertionError(
                f"too few for a verdict ({self.requests} in {self.seconds:g} s at least): {self}"
            )
        if self.failed:
            raise AssertionError("\n  ".join([str(self), *self.first_failures]))

    def __str__(self) -> str:
        return (
            f"{self.url}: {self.count} requests in {self.lasted:.1f} s, {self.failed} failed, "
            f"slowest {self.slowest * 1000:.0f} ms"
        )

    def _enough(self) -> bool:
        lasted = self.lasted or time.monotonic() - self._began
        return self.count >= self.requests and lasted >= self.seconds

    def _over(self) -> bool:
        return time.monotonic() - self._began > self.longest

    def _visit(self, number: int) -> None:
        """One client, at its share of the pace; who is late never catches up in a burst."""
        kept = number % 2 == 0
        due = self._began + self._between * number / self.clients
        connection: http.client.HTTPConnection | None = None
        while not self._stop.wait(max(0.0, due - time.monotonic())) and not self._over():
            began = time.monotonic()
            problem = ""
            try:
                if connection is None or not kept or _dropped(connection):
                    connection = self._connect()
                problem = self._ask(connection)
            except Exception as error:  # noqa: BLE001  # whatever it is, the visitor got no page
                problem = f"{type(error).__name__}: {error}"
            if connection is not None and (problem or not kept):
                connection.close()
                connection = None
            took = time.monotonic() - began
            if not problem and took > self.patience:
                problem = f"took {took:.1f} s"
            if problem:
                at = began - self._began
                problem = f"at {at:.2f} s, {'kept' if kept else 'new'} connection: {problem}"
            self._record(took, problem)
            due = max(due + self._between, time.monotonic())
        if connection is not None:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._address[0])
        plain = socket.create_connection(self._address, self.patience)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.sock = (
                self._tls.wrap_socket(plain, server_hostname=self._parts.hostname)
                if self._tls
                else plain
            )
        except BaseException:
            plain.close()
            raise
        return connection

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        """Ask once; what is wrong with the answer, "" for nothing."""
        path = self._parts._replace(scheme="", netloc="").geturl() or "/"
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return f"status {answer.status}: {body[:100]!r}"
        if self._marker not in body:
            return f"another body: {body[:100]!r}"
        return ""

    def _record(self, took: float, problem: str) -> None:
        with self._lock:
            self.count += 1
            self.slowest = max(self.slowest, took)
            if problem:
                self.failed += 1
                if len(self.first_failures) < 5:
                    self.first_failures.append(problem)


class PatientLoad(Load):
    """Visitors who wait for as long as the gateway holds them."""

    patience = 40.0


def _dropped(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed an idle connection.

    Every browser looks before it sends, so this is no failed request. One that was sent is
    never repeated, and counts.
    """
    if connection.sock is None:  # closed after the last answer, which announced it
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
