"""What a command in a container printed arrives whole."""

import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import docker
import pytest

from host import engine


class Answers(BaseHTTPRequestHandler):
    """An engine whose answer arrives in one packet, as that of a fast command does."""

    said: ClassVar[bytes] = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.said if self.path.endswith("/start") else b'{"Id": "e"}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)

    def do_GET(self) -> None:
        body = b'{"ExitCode": 3}' if "/exec/" in self.path else b'{"Id": "c"}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"tcp://127.0.0.1:{server.server_port}"
        yield docker.DockerClient(base_url=url, version="1.41")
        server.shutdown()


def test_nothing_is_lost_that_arrives_with_the_headers(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = ((1, b"one\n"), (2, b"a fault\n"), (1, b"two\n"))
    said = b"".join(struct.pack(">BxxxI", stream, len(text)) + text for stream, text in frames)
    monkeypatch.setattr(Answers, "said", said)
    ran = engine.run_in(client.containers.get("c"), ["true"])
    assert ran == engine.Ran(3, b"one\ntwo\n", b"a fault\n")
    assert ran.said == "one\ntwo\na fault"
