"""A stack's containers, networks and volumes, found by their labels and seen from outside.

`stack` is always `<project>/<stack>`, the value of the label `homeport.stack`. Nothing of the
program under test is used here: it would be its own witness.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from typing import IO, Literal

import docker
from docker.models.containers import Container

from host import engine

from .waiting import wait_until

STACK = "homeport.stack"
COMPONENT = "homeport.component"
THROWAWAY = "homeport.throwaway"
"""Label of the stack's containers that write or check files, and end."""
RUN = "homeport.e2e.run"
"""Label of containers that are a test's own and no stack's; the value is the run's process."""

_MOUNT = "e2e-volume"


def labelled(stack: str, *more: str) -> dict[str, str | list[str] | bool]:
    """The filter that finds what belongs to a stack, and has `more` labels."""
    return {"label": [f"{STACK}={stack}", *more]}


def of_this_run() -> dict[str, str]:
    """The labels by which a container is found that a killed test run left."""
    return {RUN: str(os.getpid())}


def all_of(client: docker.DockerClient, stack: str) -> list[Container]:
    """Every container of the stack, running or not."""
    return client.containers.list(all=True, filters=labelled(stack), ignore_removed=True)


def ids(client: docker.DockerClient, stack: str) -> set[str]:
    """The ids of all its containers: equal before and after, nothing was replaced."""
    there = client.containers.list(all=True, filters=labelled(stack), sparse=True)
    return {container.id or "" for container in there}


def one(client: docker.DockerClient, stack: str, component: str) -> Container:
    """The only container of a component; AssertionError, saying what there is, if not one."""
    its = labelled(stack, f"{COMPONENT}={component}")
    found = client.containers.list(all=True, filters=its, ignore_removed=True)
    if len(found) != 1:
        there = all_of(client, stack)
        names = ", ".join(f"{each.labels.get(COMPONENT)} ({each.status})" for each in there)
        raise AssertionError(f"{stack} has {len(found)} of {component}; it has: {names or '-'}")
    return found[0]


def volume_at(container: Container, at: str) -> str:
    """The name of the volume that a container mounts there."""
    return next(str(m["Name"]) for m in container.attrs["Mounts"] if m["Destination"] == at)


def access_log(router: Container) -> str:
    """A line for each request that the router answered."""
    return run_in(router, 'cat "${ACCESS_LOG%.log}"*.log')


def wait_healthy(client: docker.DockerClient, stack: str, component: str) -> float:
    """Wait up to 60 s until the component's container is healthy: how many seconds it took."""

    def healthy() -> bool:
        health = one(client, stack, component).attrs["State"].get("Health", {})
        return bool(health.get("Status") == "healthy")

    return wait_until(healthy, f"{component} of {stack} is healthy")


def signal_service(container: Container, signal: Literal["KILL", "STOP", "CONT", "TERM"]) -> None:
    """Send a signal to the service itself, and not to the init process in front of it: to what the
    init started, and to what that has started.

    Docker's own `kill` reaches the init alone, which passes on neither KILL nor STOP. From
    inside, as the same user, it works for hosts far away too.
    """
    if not container.attrs["HostConfig"].get("Init"):
        container.kill(signal)
        return
    script = (
        "service=$(cat /proc/1/task/1/children); "
        "started=$(for one in $service; do cat /proc/$one/task/$one/children; done); "
        f"kill -{signal} $service $started"
    )
    ran = engine.run_in(container, ["sh", "-c", script])
    if ran.code not in (0, 137):  # 137: the container ended, and the shell with it
        raise RuntimeError(f"{container.name}: {script}: {ran.said}")


def run_in(container: Container, script: str) -> str:
    """What a shell script prints inside a container. RuntimeError where it fails."""
    ran = engine.run_in(container, ["sh", "-euc", script])
    if ran.code:
        raise RuntimeError(f"{container.name}: {script}: {ran.code}: {ran.said}")
    return ran.output.decode()


def resident_mib(*containers: Container) -> float:
    """What the processes of containers hold of memory."""
    held = 0
    for container in containers:
        shown = container.top(ps_args="-o pid,rss")
        at = shown["Titles"].index("RSS")
        held += sum(int(process[at]) for process in shown["Processes"])
    return held / 1024


def volume_digests(client: docker.DockerClient, stack: str) -> dict[str, dict[str, str]]:
    """For each volume of the stack, each path in it with a digest: equal, the data is kept.

    A digest is of kind, owner, mode, link target and content; times may differ.
    """
    return {
        volume.name: {
            info.name: _digest(info, file) for info, file in volume_files(client, volume.name)
        }
        for volume in client.volumes.list(filters=labelled(stack))
    }


def volume_files(
    client: docker.DockerClient, volume: str
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each entry of a volume, paths relative to its top, with the content where it is a file.

    It is read through a container that never starts, of whatever image the host has, so it
    works where nothing of the stack runs any more.
    """
    image = next(iter(client.images.list()), None)
    if image is None:
        raise RuntimeError(f"there is no image on this host to read the volume {volume} with")
    reader = client.containers.create(
        image,
        ["never-run"],
        volumes={volume: {"bind": f"/{_MOUNT}", "mode": "ro"}},
        network_mode="none",
        labels=of_this_run(),
    )
    try:
        chunks, _ = reader.get_archive(f"/{_MOUNT}")
        with tempfile.TemporaryFile() as file:
            file.writelines(chunks)
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                for info in tar:
                    info.name = info.name.removeprefix(_MOUNT).removeprefix("/")
                    yield info, tar.extractfile(info) if info.isfile() else None
    finally:
        reader.remove(force=True, v=True)


def leftovers(client: docker.DockerClient, stack: str) -> list[str]:
    """What there is of the stack on this host: `container x`, `network y`, `volume z`."""
    return sorted(
        [
            *(f"container {each.name}" for each in all_of(client, stack)),
            *(f"network {each.name}" for each in client.networks.list(filters=labelled(stack))),
            *(f"volume {each.name}" for each in client.volumes.list(filters=labelled(stack))),
        ]
    )


def remove_all(client: docker.DockerClient, stack: str) -> None:
    """Remove all that `leftovers` names, data included."""
    gone = contextlib.suppress(docker.errors.NotFound)  # another sweep was quicker
    for container in all_of(client, stack):
        with gone:
            container.remove(force=True, v=True)
    for network in client.networks.list(filters=labelled(stack)):
        with gone:
            network.remove()
    for volume in client.volumes.list(filters=labelled(stack)):
        with gone:
            volume.remove(force=True)


def _digest(info: tarfile.TarInfo, file: IO[bytes] | None) -> str:
    content = hashlib.file_digest(file, "sha256").hexdigest() if file else ""  # type: ignore[arg-type]
    return f"{info.type!r} {info.uid}:{info.gid} {info.mode:o} {info.linkname} {content}"
