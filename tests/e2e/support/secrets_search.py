"""Looking everywhere for a secret: the words "a secret never appears".

    with LeakSearch({"the vault's key": key, …}) as search:
        deploy()
    search.assert_absent(state=exported, texts={"engine log": log}, clients=[…], stack=…)

A test plants a marker for each secret. While the block runs, the command lines of all
processes on the machine (those on a `SecondHost` included) are read every 50 ms; afterwards
state, logs, `docker inspect`, files and what others may read in volumes. A marker is found in
clear and in base64, whatever stands before it there. No secret is ever printed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from . import containers

_EVERY = 0.05  # seconds between two looks at all command lines


class LeakSearch:
    """Searches for markers, by name: `found` says where each one was seen."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        """`markers` maps a secret's name to its planted value.

        A value has twelve or more of A-Z, a-z, 0-9, _ and -, so that no way of quoting it
        hides it and nothing else looks like it by chance.
        """
        for name, value in markers.items():
            if not re.fullmatch(r"[\w-]{12,}", value, re.ASCII):
                raise ValueError(f"marker {name!r}: use 12 or more letters, digits, _ or -")
        self._names = {form: name for name, value in markers.items() for form in _forms(value)}
        self._pattern = re.compile(b"|".join(map(re.escape, self._names)))
        self._seen_running: set[str] = set()
        self._looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch_command_lines, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def assert_absent(
        self,
        *,
        state: str,
        texts: Mapping[str, str],
        clients: Sequence[docker.DockerClient],
        stack: str,
        files: Iterable[Path],
    ) -> None:
        """Raise AssertionError, naming places and markers, if any is found anywhere.

        `texts` are logs and output by name; `files` are files and folders of this machine;
        `clients` are the Docker hosts on which the stack (`<project>/<stack>`) stands.
        """
        hits = self.found(state=state, texts=texts, clients=clients, stack=stack, files=files)
        if hits:
            raise AssertionError("secrets were found:\n  " + "\n  ".join(hits))

    def found(
        self,
        *,
        state: str = "",
        texts: Mapping[str, str] | None = None,
        clients: Sequence[docker.DockerClient] = (),
        stack: str = "",
        files: Iterable[Path] = (),
    ) -> list[str]:
        """Each place where a marker appears, as `<where>: <marker's name>`."""
        if not self._looks:
            raise RuntimeError("no command line was ever read: search after a `with` block")
        hits = set(self._seen_running)
        for where, content in [
            ("exported state", state.encode()),
            *((name, text.encode()) for name, text in (texts or {}).items()),
            *_in_files(files),
        ]:
            hits |= self._hits(where, content)
        for client in clients:
            for where, content in _on_docker(client, stack):
                hits |= self._hits(where, content)
        return sorted(hits)

    def _hits(self, where: str, content: bytes) -> set[str]:
        return {f"{where}: {self._names[hit]}" for hit in self._pattern.findall(content)}

    def _watch_command_lines(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            for process in (each.name for each in os.scandir("/proc") if each.name.isdigit()):
                with contextlib.suppress(OSError):  # it has ended
                    command_line = _bytes_of(f"/proc/{process}/cmdline")
                    if self._pattern.search(command_line):
                        program = _bytes_of(f"/proc/{process}/comm").decode().strip()
                        self._seen_running |= self._hits(f"command line of {program}", command_line)
            self._looks += 1
            due = max(due + _EVERY, time.monotonic())


def _bytes_of(file: str) -> bytes:
    """What a small file holds. pathlib is slow for hundreds of them, twenty times a second."""
    handle = os.open(file, os.O_RDONLY)
    try:
        return os.read(handle, 2**20)
    finally:
        os.close(handle)


def _forms(value: str) -> Iterator[bytes]:
    """The value in clear, and as it looks inside a longer text in base64.

    There it looks different for each of the three positions at which it can begin. Characters
    that also carry bits of what stands before or after it are left out.
    """
    clear = value.encode()
    yield clear
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + clear).rstrip(b"=")
        whole = encoded[(0, 2, 3)[before] : -1 if (before + len(clear)) % 3 else None]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def _in_files(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for top in files:
        for file in [top, *top.rglob("*")]:
            if file.is_file():
                yield str(file), file.read_bytes()


def _on_docker(client: docker.DockerClient, stack: str) -> Iterator[tuple[str, bytes]]:
    for container in containers.all_of(client, stack):
        yield f"docker logs {container.name}", container.logs()
        yield f"docker inspect {container.name}", json.dumps(container.attrs).encode()
        if container.labels.get(containers.COMPONENT) == "router" and container.status == "running":
            yield "the access log", containers.access_log(container).encode()
    for network in client.networks.list(filters=containers.labelled(stack)):
        yield f"docker inspect {network.name}", json.dumps(network.attrs).encode()
    for volume in client.volumes.list(filters=containers.labelled(stack)):
        yield f"docker inspect {volume.name}", json.dumps(volume.attrs).encode()
        yield from _readable_by_others(client, volume.name)


def _readable_by_others(client: docker.DockerClient, volume: str) -> Iterator[tuple[str, bytes]]:
    closed: list[str] = []  # folders that others can't enter; a tar names them before their files
    for info, file in containers.volume_files(client, volume):
        if info.isdir() and not info.mode & 0o001:
            closed.append(f"{info.name}/" if info.name else "")
        elif file and info.mode & 0o004 and not info.name.startswith(tuple(closed)):
            yield f"volume {volume}, {info.name}", file.read()
