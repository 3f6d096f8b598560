"""How this machine reaches the gateway: as visitors do, or through SSH to a remote host."""

from __future__ import annotations

import io
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import docker
import urllib3
import urllib3.util

from commands.context import CommandError, Context
from components.caddy_proxy import COMPONENT, ROOT_CERTIFICATE
from components.ssh_transport import ssh_options

_TIMEOUT = 5  # seconds for one answer


@dataclass(frozen=True)
class Door:
    """An address of this machine at which the gateway answers, and the CA it is known by."""

    address: str
    http: int
    https: int
    ca: str | None
    """Certificates that are trusted, as PEM; None for those that this machine trusts."""

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        """Ask for a URL: the name from the URL, the connection to the gateway, TLS verified.

        Raises urllib3.exceptions.HTTPError.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                self.address,
                self.https,
                server_hostname=host,
                assert_hostname=host,
                ca_cert_data=self.ca,
                timeout=_TIMEOUT,
            )
        else:
            pool = urllib3.HTTPConnectionPool(self.address, self.http, timeout=_TIMEOUT)
        with pool:
            return pool.request(
                "GET", parts.path or "/", headers={"Host": parts.netloc},
                redirect=False, retries=False,
            )  # fmt: skip


@contextmanager
def open_door(context: Context) -> Iterator[Door]:
    """The door of the stack's gateway. Raises CommandError where there is none."""
    settings = context.settings
    listen = settings.listen
    internal = settings.tls.issuer == "internal"
    ca = root_certificate(context) if internal else context.estate.acme_roots
    address = "127.0.0.1" if listen.address.is_unspecified else str(listen.address)
    if not settings.docker_host.startswith("ssh://"):
        yield Door(address, listen.http, listen.https, ca)
        return
    http, https = _free_port(), _free_port()
    forwards = [f"127.0.0.1:{http}:{address}:{listen.http}",
                f"127.0.0.1:{https}:{address}:{listen.https}"]  # fmt: skip
    tunnel = subprocess.Popen(
        # A connection of its own: a shared one would keep the forwarding after the end.
        ["ssh", *ssh_options(), "-S", "none", "-o", "ExitOnForwardFailure=yes", "-N",
         *(word for forward in forwards for word in ("-L", forward)), settings.docker_host],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(tunnel, https, settings.docker_host)
        yield Door("127.0.0.1", http, https, ca)
    finally:
        tunnel.terminate()
        tunnel.wait()


def root_certificate(context: Context) -> str:
    """The certificate of the stack's own CA, as PEM. Raises CommandError where there is none."""
    for container in context.containers(component=COMPONENT):
        try:
            stream, _ = container.get_archive(ROOT_CERTIFICATE)
        except docker.errors.NotFound:
            continue
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            file = tar.extractfile(tar.next() or "")
            return file.read().decode() if file else ""
    raise CommandError(
        f"stack {context.stack} has no certificate of its own CA: the gateway doesn't run yet "
        "(`make up`), or its certificates come from elsewhere (tls.issuer)"
    )


def _wait_for(tunnel: subprocess.Popen[bytes], port: int, docker_host: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and tunnel.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CommandError(f"{docker_host}: no SSH forwarding to the gateway could be opened")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
