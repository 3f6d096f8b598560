"""A registry of images on this machine, with what can go wrong with one between here and there."""

from __future__ import annotations

import base64
import subprocess
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from .clean import stack_name
from .waiting import wait_until

LOGIN = "reader:a-password"


class Mirror:
    """Serves images that this machine's daemon has, under their names at Docker Hub."""

    fault = ""
    """`limits`, `breaks_off` (twice), `spoils`, `asks` for a login, or nothing."""

    def __init__(self, address: str, registry: str, *images: str) -> None:
        """`registry` is the image that serves the others, at an address of this machine."""
        self._name = stack_name("mirror")
        run = ("run", "--rm", "--detach", "--name", self._name, "--publish", "127.0.0.1::5000")
        _docker(*run, registry)
        try:
            port = _docker("port", self._name, "5000/tcp").strip().rpartition(":")[2]
            self._registry = f"http://127.0.0.1:{port}"
            wait_until(lambda: _get(f"{self._registry}/v2/")[0] == 200, "the registry answers")
            for image in images:
                path = image if "/" in image else f"library/{image}"  # as Docker Hub has it
                target = f"127.0.0.1:{port}/{path}"
                _docker("tag", image, target)
                _docker("push", "--quiet", target)
                _docker("rmi", "--no-prune", target)
            self._server = ThreadingHTTPServer((address, 0), self._handler())
        except BaseException:
            _docker("kill", self._name)
            raise
        self.address = f"{address}:{self._server.server_port}"
        self.asked: list[str] = []
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        _docker("kill", self._name)

    def has(self, fault: str) -> None:
        """From now on this is wrong with it."""
        self.fault = fault
        self.asked.clear()

    def _handler(mirror) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (the handler has a self)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                login = base64.b64encode(LOGIN.encode()).decode()
                if mirror.fault == "limits":
                    self._answer(429, {"Retry-After": "1"}, b"")
                elif mirror.fault == "asks" and self.headers["Authorization"] != f"Basic {login}":
                    self._answer(401, {"WWW-Authenticate": 'Basic realm="here"'}, b"")
                else:
                    self._pass_on()

            do_HEAD = do_GET  # noqa: N815 (http.server's name)

            def _pass_on(self) -> None:
                accepts = {
                    name: self.headers[name] for name in ("Accept", "Range") if name in self.headers
                }
                status, headers, content = _get(mirror._registry + self.path, self.command, accepts)
                promised = len(content)
                if "/blobs/" in self.path and self.command == "GET":
                    blobs = [path for path in mirror.asked if "/blobs/" in path]
                    if mirror.fault == "breaks_off" and len(blobs) <= 2:
                        content = content[: promised // 2]
                    elif mirror.fault == "spoils":
                        content = bytes(promised)
                self._answer(status, headers | {"Content-Length": str(promised)}, content)

            def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing: `asked` has it."""

        return Handler


def _get(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers or {}, method=method)  # noqa: S310 (ours)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (ours)
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()
    except OSError:
        return 0, {}, b""


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout
