"""How this machine reaches the gateway: as visitors do, or through SSH to a remote host."""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from urllib.parse import urlsplit

import docker
import requests
import urllib3
import urllib3.util
from docker.models.containers import Container

from components.entrance import ROOT_CERTIFICATE, ROUTER, STATE_AT
from host import engine, reachability
from host.ssh_transport import ssh_options
from values.command_line import make
from values.entrance import Entrance, Listen

_LOOPBACK = IPv4Address("127.0.0.1")
_TIMEOUT = 5  # seconds for one answer
_ATTEMPTS = 3
_FORWARDED = b"ok"
_FORWARDING_PATIENCE = 20  # seconds for a host to let this machine in


class Door(Listen):
    """Where a gateway answers this machine, and the CA it is known by."""

    ca: str | None
    """Certificates that are trusted, as PEM; None for those that this machine trusts."""

    def get(self, url: str) -> urllib3.BaseHTTPResponse:
        """Ask for a URL: the name from the URL, the connection to the gateway, TLS verified.

        Raises urllib3.exceptions.HTTPError.
        """
        parts = urlsplit(url)
        pool = (
            self.pool(parts.hostname or "")
            if parts.scheme == "https"
            else urllib3.HTTPConnectionPool(str(self.address), self.http, timeout=_TIMEOUT)
        )
        with pool:
            return pool.request(
                "GET", parts.path or "/", headers={"Host": parts.netloc},
                redirect=False, retries=False,
            )  # fmt: skip

    def pool(self, host: str) -> urllib3.HTTPSConnectionPool:
        """Connections over which a host answers, TLS verified."""
        return urllib3.HTTPSConnectionPool(
            str(self.address),
            self.https,
            server_hostname=host,
            assert_hostname=host,
            cert_reqs="CERT_REQUIRED",
            ca_cert_data=self.ca,
            timeout=_TIMEOUT,
        )

    def certificate_end(self, host: str) -> datetime:
        """Until when the certificate of a host is valid. Raises OSError."""
        trusting = ssl.create_default_context(cadata=self.ca)
        with (
            socket.create_connection((str(self.address), self.https), timeout=_TIMEOUT) as plain,
            trusting.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


@contextmanager
def open_door(entrance: Entrance) -> Iterator[Door]:
    """The door of a stack's gateway. Raises EngineError where there is none."""
    host = entrance.docker_host
    ca = root_certificate(host, entrance.stack) if entrance.internal_ca else entrance.roots
    address = _LOOPBACK if entrance.address.is_unspecified else entrance.address
    if not host.startswith("ssh://"):
        yield Door(address=address, http=entrance.http, https=entrance.https, ca=ca)
        return
    with _forwarded(host, address, entrance) as (http, https):
        yield Door(address=_LOOPBACK, http=http, https=https, ca=ca)


@contextmanager
def _forwarded(host: str, address: IPv4Address, entrance: Entrance) -> Iterator[tuple[int, int]]:
    """Two ports of this machine that lead to the gateway's. Raises EngineError."""
    for _ in range(_ATTEMPTS):
        http, https = _free_port(), _free_port()
        forwards = [f"127.0.0.1:{http}:{address}:{entrance.http}",
                    f"127.0.0.1:{https}:{address}:{entrance.https}"]  # fmt: skip
        with subprocess.Popen(
            # A connection of its own: a shared one would keep the forwarding after the end. `cat`
            # ends with its input, so the tunnel ends with this process, however that one ends.
            ["ssh", *ssh_options(), "-S", "none", "-o", "ExitOnForwardFailure=yes",
             *(word for forward in forwards for word in ("-L", forward)), "--", host,
             f"echo {_FORWARDED.decode()}; cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what `select` tells of is read at once
        ) as tunnel:  # fmt: skip
            try:
                if _is_up(tunnel):
                    yield http, https
                    return
            finally:
                tunnel.terminate()
        if _is_free(http) and _is_free(https):
            break  # that wasn't the reason, so another attempt would fail as well
    raise engine.EngineError(f"{host}: no SSH forwarding to the gateway could be opened")


def root_certificate(docker_host: str, stack: str) -> str:
    """The certificate of a stack's own CA, as PEM. Raises EngineError where there is none."""
    if found := find_root_certificate(docker_host, stack):
        return found
    name = stack.rpartition("/")[2]
    raise engine.EngineError(
        f"stack {name} has no certificate of its own CA: the gateway doesn't "
        f"run yet (`{make(name, 'up')}`), or its certificates come from elsewhere (tls.issuer)"
    )


def find_root_certificate(docker_host: str, stack: str) -> str:
    """The same; empty if there is none. Reads it through a container of the gateway, even a stopped
    one: nothing else mounts the volume, because it also holds keys.
    """
    labels = [f"homeport.stack={stack}", f"homeport.component={ROUTER}"]
    try:
        client = engine.connect(docker_host)
        for container in client.containers.list(all=True, filters={"label": labels}):
            try:
                at = f"{_state_at(container)}/{ROOT_CERTIFICATE}"
                ((_, content),) = engine.unpack(container, at)
            except docker.errors.NotFound:
                continue
            return content.decode()
    except (docker.errors.DockerException, requests.RequestException) as error:
        name = stack.rpartition("/")[2]
        raise engine.EngineError(reachability.why_unreachable(docker_host, name)) from error
    return ""


def _state_at(container: Container) -> str:
    """Where the router has its volume with certificates."""
    mounts = (str(mount["Destination"]) for mount in container.attrs["Mounts"])
    return next((at for at in mounts if f"{at}/".startswith(f"{STATE_AT}/")), STATE_AT)


def _is_up(tunnel: subprocess.Popen[bytes]) -> bool:
    """Whether the tunnel came up. It ends where another program took one of its ports meanwhile.

    Its own word tells, which it gives after it has the ports: whoever has one of them instead
    would answer there as well.
    """
    deadline, said = time.monotonic() + _FORWARDING_PATIENCE, b""
    while tunnel.stdout and (left := deadline - time.monotonic()) > 0:
        if not select.select([tunnel.stdout], [], [], left)[0]:
            break
        part = tunnel.stdout.read(4096)
        said += part
        if not part:  # it ended
            break
        # Somebody's shell may say more when it starts.
        if b"\n%b\n" % _FORWARDED in b"\n" + said:
            return True
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as ours:
        try:
            ours.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
