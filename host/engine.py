"""The Docker engine of a stack, as the dynamic resources reach it: over its socket or SSH.

Everything else about the host is declared through the docker provider. What no
declaration can say (files in a volume, a second network, an image carried over) goes
through here, on the Docker SDK for Python.
"""

from __future__ import annotations

import io
import struct
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import docker
import requests
from docker.models.containers import Container
from docker.types import Mount

from host import ssh_transport
from host.provider import ToldError

THROWAWAY = "homeport.throwaway"
"""Label of containers that live for one write or one check; a leftover is always safe to remove."""

_TIMEOUT = 120  # seconds for one call; `wait` on a slow validation is the longest
_clients = threading.local()

_OUTPUT, _ERRORS = 1, 2
_HEADER = struct.Struct(">BxxxI")
"""Of a part of what a command prints: the stream and the length, as the engine's API says of
attached containers."""


class EngineError(ToldError):
    """The engine could not be reached or refused; the message says so in one sentence."""


def connect(docker_host: str, *, timeout: int = _TIMEOUT) -> docker.DockerClient:
    """A client of `docker_host`, one for each thread: its connections are not thread-safe.

    SSH goes through the person's own `ssh`, so it follows their configuration alone. `timeout`
    is how many seconds the engine may say nothing.
    """
    known: dict[tuple[str, int], docker.DockerClient]
    known = _clients.__dict__.setdefault("known", {})
    if (docker_host, timeout) not in known:
        try:
            known[docker_host, timeout] = (
                ssh_transport.client(docker_host, timeout=timeout)
                if docker_host.startswith("ssh://")
                else docker.DockerClient(base_url=docker_host, timeout=timeout)
            )
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise EngineError(
                f"{docker_host}: the Docker engine doesn't answer: {error}"
            ) from error
    return known[docker_host, timeout]


def reachable(docker_host: str) -> bool:
    """Whether the engine answers."""
    try:
        return bool(connect(docker_host).ping())
    except (EngineError, docker.errors.DockerException, requests.RequestException, OSError):
        return False


def identity(docker_host: str) -> str:
    """The id that Docker gave this engine when it was installed, whatever name leads there."""
    return str(connect(docker_host).info()["ID"])


def has_image(client: docker.DockerClient, ref: str) -> bool:
    """Whether the engine has an image of that name and tag."""
    try:
        client.images.get(ref)
    except docker.errors.ImageNotFound:
        return False
    return True


def has_volume(client: docker.DockerClient, name: str) -> bool:
    """Whether the engine has the volume. A container that mounts a missing one creates it."""
    try:
        client.volumes.get(name)
    except docker.errors.NotFound:
        return False
    return True


@contextmanager
def throwaway(
    client: docker.DockerClient,
    image: str,
    command: Sequence[str],
    *,
    name: str | None = None,
    user: str = "0:0",
    volumes: dict[str, str] | None = None,
    mounts: Sequence[Mount] = (),
    capabilities: Sequence[str] = (),
    labels: dict[str, str] | None = None,
    networks: Sequence[str] = (),
    memory_mib: int = 256,
) -> Iterator[Container]:
    """A container, created but not started, removed at the end. It has no network but `networks`.

    `volumes` maps a volume's name to where it is mounted. Its archive API works before it
    is started, which is how files get in and out. `nocopy` keeps the image's own files at
    that path out of an empty volume.
    """
    first, *others = networks or ["none"]
    container = client.containers.create(
        image,
        name=name,
        entrypoint=list(command[:1]),
        command=list(command[1:]),
        user=user,
        network_mode=first,
        volumes={name: {"bind": at, "mode": "nocopy"} for name, at in (volumes or {}).items()},
        mounts=list(mounts),
        cap_drop=["ALL"],
        cap_add=list(capabilities),
        security_opt=["no-new-privileges"],
        mem_limit=f"{memory_mib}m",
        labels={**(labels or {}), THROWAWAY: "true"},
    )
    try:
        for network in others:
            client.networks.get(network).connect(container)
        yield container
    finally:
        container.remove(force=True, v=True)


def mounted_at(mounts: Iterable[Mapping[str, str]], volume: str) -> str:
    """Where a container has a volume, by what the engine says of its mounts; empty if nowhere."""
    found = (mount["Destination"] for mount in mounts if mount.get("Name") == volume)
    return next(found, "")


@contextmanager
def holder(
    client: docker.DockerClient, volume: str, *, image: str, labels: dict[str, str] | None = None
) -> Iterator[tuple[Container, str]]:
    """A container whose archive API reads a volume, and the path at which the volume is in it.

    It is one that mounts the volume anyway, or else a throw-away one, which takes longer.
    """
    for found in client.api.containers(all=True, filters={"volume": volume}):
        at = mounted_at(found["Mounts"], volume)
        if at and THROWAWAY not in found["Labels"]:
            yield client.containers.get(found["Id"]), at
            return
    at_top = {volume: "/volume"}
    with throwaway(client, image, ["true"], volumes=at_top, labels=labels) as container:
        yield container, at_top[volume]


def exists(container: Container, path: str) -> bool:
    """Whether there is something at a path in a container, running or not."""
    try:
        container.get_archive(path)  # nothing of it is read
    except docker.errors.NotFound:
        return False
    return True


class Ran(NamedTuple):
    """How a command in a running container ended."""

    code: int
    output: bytes
    errors: bytes

    @property
    def said(self) -> str:
        """All that it printed, for a person."""
        return (self.output + self.errors).decode(errors="replace").strip()


def run_in(container: Container, command: Sequence[str], *, user: str = "") -> Ran:
    """Run a command in a running container, and wait for its end.

    The SDK's own `exec_run` loses what a fast command prints: it reads past the part of the
    answer that arrived with the headers (docker-py's issue 3332).
    """
    api = container.client.api  # type: ignore[union-attr]  # set by whoever found the container
    begun = api.exec_create(container.id, list(command), user=user)["Id"]
    answer = api.post(
        f"{api.base_url}/v{api.api_version}/exec/{begun}/start",
        json={"Detach": False, "Tty": False},
        timeout=api.timeout,
    )
    answer.raise_for_status()
    printed = {_OUTPUT: b"", _ERRORS: b""}
    frames = io.BytesIO(answer.content)
    while header := frames.read(_HEADER.size):
        stream, size = _HEADER.unpack(header)
        printed[stream] += frames.read(size)
    code = int(api.exec_inspect(begun)["ExitCode"])
    return Ran(code, printed[_OUTPUT], printed[_ERRORS])


def run_to_end(container: Container) -> tuple[int, str]:
    """Start a container and wait: its exit code and what it printed."""
    container.start()
    code = int(container.wait()["StatusCode"])
    return code, container.logs().decode(errors="replace").strip()


def last_lines(container: Container) -> str:
    """The end of a container's log, for an error that a person reads."""
    lines = container.logs(tail=10).decode(errors="replace").strip()
    return lines or "(it printed nothing)"


def last_start(container: Container) -> str:
    """What a container printed since it was last started."""
    container.reload()
    since = datetime.fromisoformat(container.attrs["State"]["StartedAt"])
    return container.logs(since=since.timestamp()).decode(errors="replace")


def unpack(container: Container, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry below `path` in a container, with the content of files."""
    stream, _ = container.get_archive(path)
    archive = io.BytesIO(b"".join(stream))
    with tarfile.open(fileobj=archive) as tar:
        for entry in tar:
            file = tar.extractfile(entry) if entry.isfile() else None
            yield entry, file.read() if file else b""
