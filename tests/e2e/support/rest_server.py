"""A server of backups, as somebody runs it elsewhere: restic's own, which only takes and keeps."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import docker
from docker.models.containers import Container
from passlib.hash import bcrypt

from host import engine
from tests.e2e.checkout import free_port

from . import containers
from .waiting import wait_until

PORT = 8000
AT = "/srv"
_USERS = "/users"
_DOCKERFILE = """\
FROM {image}
RUN apt-get update -qq && apt-get install -y -qq restic-rest-server >/dev/null
"""
_IMAGE = "homeport/rest-server:1"


@contextmanager
def rest_server(
    client: docker.DockerClient,
    image: str,
    network: str,
    *,
    alias: str,
    user: str,
    password: str,
    disk_mib: int = 0,
) -> Iterator[Container]:
    """A server on a network, by the name `alias`, that one user gets into. What it has it never
    deletes. `image` is any of Debian 13's. With `disk_mib` it has a disk of that size, in memory.
    """
    with _made(client, image, f":{PORT}", user, password, disk_mib=disk_mib) as container:
        client.networks.get(network).connect(container, aliases=[alias])
        _start(container)
        yield container


@contextmanager
def rest_server_at(
    client: docker.DockerClient, image: str, address: str, *, user: str, password: str
) -> Iterator[str]:
    """The same at an address of this machine's, which stacks of several hosts reach: its URL."""
    at = f"{address}:{free_port(address)}"
    with _made(client, image, at, user, password, network_mode="host") as container:
        _start(container)
        yield f"http://{at}/"


@contextmanager
def _made(
    client: docker.DockerClient,
    image: str,
    listen: str,
    user: str,
    password: str,
    *,
    disk_mib: int = 0,
    network_mode: str = "bridge",
) -> Iterator[Container]:
    bring(client, _IMAGE, _DOCKERFILE.format(image=image))
    container = client.containers.create(
        _IMAGE,
        entrypoint=["restic-rest-server"],
        command=["--append-only", "--path", AT, "--htpasswd-file", _USERS, "--listen", listen],
        tmpfs={AT: f"size={disk_mib}m"} if disk_mib else {},
        network_mode=network_mode,
        labels=containers.of_this_run(),
    )
    try:
        line = f"{user}:{bcrypt.using(rounds=5).hash(password)}\n".encode()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo(_USERS)
            info.size = len(line)
            tar.addfile(info, io.BytesIO(line))
        container.put_archive("/", buffer.getvalue())
        yield container
    finally:
        container.remove(force=True, v=True)


def _start(container: Container) -> None:
    container.start()
    wait_until(lambda: b"start server" in container.logs(), "the server of backups listens")


def bring(client: docker.DockerClient, ref: str, dockerfile: str) -> None:
    """Have an image of that name, built on this machine, as a second host has no way out."""
    here = docker.from_env()
    try:
        if not engine.has_image(here, ref):
            here.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=ref, rm=True)
        if not engine.has_image(client, ref):
            stream = here.images.get(ref).save(named=ref)
            client.images.load(cast("bytes", stream))  # the SDK takes an iterator just as well
    finally:
        here.close()
