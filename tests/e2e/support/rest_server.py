"""A server of backups, as somebody runs it elsewhere: restic's own, which only takes and keeps."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.models.containers import Container
from passlib.hash import bcrypt

from . import containers
from .waiting import wait_until

PORT = 8000
_AT = "/srv"
_DOCKERFILE = """\
FROM {image}
RUN apt-get update -qq && apt-get install -y -qq restic-rest-server >/dev/null
"""
_IMAGE = "homeport/rest-server:1"


@contextmanager
def rest_server(
    client: docker.DockerClient, image: str, network: str, *, alias: str, user: str, password: str
) -> Iterator[Container]:
    """A server on a network, by the name `alias`, that one user gets into. What it has it never
    deletes. `image` is any of Debian 13's.
    """
    _build(client, image)
    container = client.containers.create(
        _IMAGE,
        entrypoint=["restic-rest-server"],
        command=["--append-only", "--path", _AT, "--listen", f":{PORT}"],
        labels=containers.of_this_run(),
    )
    try:
        line = f"{user}:{bcrypt.using(rounds=5).hash(password)}\n".encode()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo(".htpasswd")
            info.size = len(line)
            tar.addfile(info, io.BytesIO(line))
        container.put_archive(_AT, buffer.getvalue())
        client.networks.get(network).connect(container, aliases=[alias])
        container.start()
        wait_until(lambda: b"start server" in container.logs(), "the server of backups listens")
        yield container
    finally:
        container.remove(force=True, v=True)


def _build(client: docker.DockerClient, image: str) -> None:
    try:
        client.images.get(_IMAGE)
    except docker.errors.ImageNotFound:
        text = _DOCKERFILE.format(image=image).encode()
        client.images.build(fileobj=io.BytesIO(text), tag=_IMAGE, rm=True)
