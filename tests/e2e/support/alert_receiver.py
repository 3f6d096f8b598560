"""Where a stack's alerts go in a test, and a target for it to scrape: processes of this machine.

with AlertReceiver(address) as receiver:
    …                      # a stack that posts to receiver.webhook, sends to receiver.mail
    receiver.alerts("SiteDown", "firing")
"""

from __future__ import annotations

import base64
import json
import secrets
import socketserver
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Alert = dict[str, Any]  # as Alertmanager posts it


class AlertReceiver:
    """Listens at one address, on ports of its own. Lives as long as its block."""

    def __init__(self, address: str) -> None:
        """`address` is one that containers reach, such as that of a network's bridge."""
        self.path = f"hook-{secrets.token_hex(12)}"
        """The secret part of the webhook's URL."""
        self.target_is_well = True
        self.messages: list[dict[str, Any]] = []
        """What Alertmanager posted, in order, with the time when it `arrived`."""
        self.mails: list[str] = []
        self.passwords: set[str] = set()
        """What was said to the mail server."""
        self._http = ThreadingHTTPServer((address, 0), self._http_handler())
        self._smtp = socketserver.ThreadingTCPServer((address, 0), self._smtp_handler())
        self._smtp.daemon_threads = True
        self.target = f"{address}:{self._http.server_port}"
        """What can be scraped."""
        self.webhook = f"http://{self.target}/{self.path}"
        self.mail = f"{address}:{self._smtp.server_address[1]}"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for server in (self._http, self._smtp):
            self._open.enter_context(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._open.callback(server.shutdown)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def alerts(self, name: str, status: str, *, since: int = 0) -> list[Alert]:
        """All alerts of a name that arrived as `firing` or `resolved`, from a message on."""
        return [
            alert
            for message in self.messages[since:]
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]

    def _http_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == f"/{receiver.path}":
                    receiver.messages.append(json.loads(body) | {"arrived": time.time()})
                self._answer(200, b"")

            def do_GET(self) -> None:
                self._answer(200 if receiver.target_is_well else 503, b"e2e_outside_docker 7\n")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _smtp_handler(self) -> type[socketserver.StreamRequestHandler]:
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 e2e")
                while line := self.rfile.readline():
                    match line.split()[0].upper():
                        case b"EHLO":
                            self._say("250-e2e\r\n250 AUTH LOGIN")
                        case b"AUTH":
                            self._say("334 VXNlcm5hbWU6")  # Username:
                            self.rfile.readline()
                            self._say("334 UGFzc3dvcmQ6")  # Password:
                            password = base64.b64decode(self.rfile.readline()).decode()
                            receiver.passwords.add(password)
                            self._say("235 welcome")
                        case b"DATA":
                            self._say("354 go on")
                            receiver.mails.append(self._text())
                            self._say("250 taken")
                        case b"QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 fine")

            def _text(self) -> str:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                return b"".join(lines).decode(errors="replace")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        return Handler
