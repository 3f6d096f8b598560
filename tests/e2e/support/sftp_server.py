"""An SSH server that keeps backups, as somebody rents a disk elsewhere."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from . import containers
from .rest_server import bring
from .waiting import wait_until

_DOCKERFILE = """\
FROM {image}
RUN apt-get update -qq && apt-get install -y -qq openssh-server >/dev/null && mkdir -p /run/sshd
"""
_IMAGE = "homeport/sftp-server:1"


@dataclass(frozen=True)
class SftpServer:
    """What opens it."""

    repository: str
    key: str
    known_host: str


@contextmanager
def sftp_server(
    client: docker.DockerClient, image: str, network: str, *, alias: str, folder: Path
) -> Iterator[SftpServer]:
    """A server on a network, by the name `alias`. The key is made in `folder`; `image` is any of
    Debian 13's.
    """
    bring(client, _IMAGE, _DOCKERFILE.format(image=image))
    key = folder / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True)
    container = client.containers.create(
        _IMAGE,
        entrypoint=["/usr/sbin/sshd"],
        command=["-D", "-e"],
        labels=containers.of_this_run(),
    )
    try:
        container.put_archive("/root", _login(key.with_suffix(".pub").read_bytes()))
        client.networks.get(network).connect(container, aliases=[alias])
        container.start()
        wait_until(lambda: b"listening" in container.logs(), "the SSH server listens")
        known = containers.run_in(container, "cat /etc/ssh/ssh_host_ed25519_key.pub")
        yield SftpServer(f"sftp:root@{alias}:/srv/prod", key.read_text(), f"{alias} {known}")
    finally:
        container.remove(force=True, v=True)


def _login(key: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo(".ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(folder)
        file = tarfile.TarInfo(".ssh/authorized_keys")
        file.size, file.mode = len(key), 0o600
        tar.addfile(file, io.BytesIO(key))
    return buffer.getvalue()
