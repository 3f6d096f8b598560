"""Talking to a Docker engine through the person's own `ssh`.

The Docker SDK has such a transport too. It starts an `ssh` for each request and leaves it
running, and a few requests later the server's ten sessions to a connection are used up. This
one keeps connections and lets go of them: each is an `ssh … docker system dial-stdio` on one
end of a socket pair, so it ends with whoever holds the other end, however that one ends.
"""

from __future__ import annotations

import socket
import subprocess

import docker
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from requests.adapters import HTTPAdapter

_BASE_URL = "http://docker.over.ssh:1"  # never looked up: every connection goes through `ssh`


def client(docker_host: str, *, timeout: int) -> docker.DockerClient:
    """A client of `ssh://user@host`, speaking the newest API that both sides know."""
    adapter = _Adapter(docker_host)
    with requests.Session() as session:
        session.mount(_BASE_URL, adapter)
        version = session.get(f"{_BASE_URL}/version", timeout=timeout).json()["ApiVersion"]
    newest = DEFAULT_DOCKER_API_VERSION
    by_number = sorted((version, newest), key=lambda text: [int(n) for n in text.split(".")])
    made = docker.DockerClient(base_url=_BASE_URL, version=by_number[0], timeout=timeout)
    made.api.mount(_BASE_URL, adapter)
    return made


def ssh_options() -> list[str]:
    """What every `ssh` of this program is given, beside the person's own configuration.

    A host that accepts and says nothing would hold a command up for minutes.
    """
    return ["-o", "ConnectTimeout=10"]


def shell(docker_host: str) -> list[str]:
    """The command that runs a script, which it reads from standard input, on the host."""
    if not docker_host.startswith("ssh://"):
        return ["sh", "-s"]
    return ["ssh", *ssh_options(), "-o", "BatchMode=yes", "--", docker_host, "sh", "-s"]


class _Adapter(HTTPAdapter):
    def __init__(self, docker_host: str) -> None:
        self._pool = _Pool(docker_host)
        super().__init__()

    def get_connection_with_tls_context(self, *_: object, **__: object) -> _Pool:
        return self._pool

    def request_url(self, request: requests.PreparedRequest, _proxies: object) -> str:
        return request.path_url


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, docker_host: str) -> None:
        super().__init__("localhost", maxsize=1)
        self._docker_host = docker_host

    def _new_conn(self) -> _Connection:
        return _Connection(self._docker_host)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, docker_host: str) -> None:
        super().__init__("localhost")
        self._docker_host = docker_host

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(
                ["ssh", *ssh_options(), "--", self._docker_host, "docker system dial-stdio"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,  # `reachability` asks again, and says it in a sentence
            )
        self.sock = ours
