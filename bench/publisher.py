"""From a push to its page, and what the publisher costs while nothing happens."""

from __future__ import annotations

import io
import json
import os
import statistics
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from docker.models.containers import Container

from bench import storm
from tests.e2e.checkout import Checkout
from tests.e2e.following import Following
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until

_REPEATS = 5
_IDLE_SECONDS = 60
"""How long it is looked at, and how often it asks each repository: once in that time."""
_NUMBERS = (6, 100)
_STORM = 200


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """A stack with one site that learns of pushes by webhook; publishers of their own beside it."""
    with Following(checkout, ("journal",)) as following:
        pushed = [_webhook_to_marker(following, number) for number in range(_REPEATS)]
        rows = [("webhook to new marker, seconds", f"{statistics.median(pushed):.1f}")]
        for number in _NUMBERS:
            with _publisher(following, number) as container:
                memory, cpu = _idle(container)
            what = f"publisher with {number} sources, each asked once a minute"
            rows += [(f"{what}: MiB", f"{memory:.0f}"), (f"{what}: % of a core", f"{cpu:.1f}")]
        with _publisher(following, _STORM) as container:
            return rows + storm.storm(following, container, _urls(_STORM))


def _webhook_to_marker(following: Following, number: int) -> float:
    """From sending the webhook of a push to the first answer that shows it."""
    marker = f"bench-{os.getpid()}-{number}"
    following.push("journal", marker)
    checkout, url = following.checkout, following.url("journal")
    began = time.monotonic()
    following.announce("journal")
    wait_until(lambda: checkout.serves(url, marker), f"{url} shows it", every=0.02)
    return time.monotonic() - began


@contextmanager
def _publisher(following: Following, number: int) -> Iterator[Container]:
    """A publisher that has published this many repositories, with no site to show them."""
    checkout = following.checkout
    following.git.run(
        f"cd /repositories && for name in {' '.join(_urls(number))}; do cp -r journal $name; done"
    )
    networks = following.publisher.attrs["NetworkSettings"]["Networks"]
    container = checkout.docker.containers.create(
        checkout.image("publisher"),
        ["-m", "publisher", "serve"],
        entrypoint="python3",
        user="1000:1000",
        init=True,
        network=next(name for name in networks if name.startswith("services-")),
        labels=containers.of_this_run(),
    )
    try:
        container.put_archive("/", _files(number))
        container.start()
        wait_until(
            lambda: container.logs().decode().count(": published ") == number,
            f"{number} sources are published",
        )
        yield container
    finally:
        container.remove(force=True, v=True)


def _urls(number: int) -> dict[str, str]:
    """The URLs of this many repositories, by name; each number has repositories of its own."""
    names = [f"bench-{number}-{each}" for each in range(number)]
    return {name: f"http://git-server:8080/{name}" for name in names}


def _files(number: int) -> bytes:
    """What the program writes for a publisher, and a folder for its state, as an archive."""
    site: dict[str, object] = {
        "ref": None,
        "directory": "",
        "as": "",
        "every": _IDLE_SECONDS,
    }
    sources = {
        "limits": {"seconds": 300, "mib": 512, "files": 50_000},
        "sites": {
            name: {
                "url": url,
                "fetch": url,
                "webhooks": [{"host": storm.HOST, "path": f"/{name}"}],
                **site,
            }
            for name, url in _urls(number).items()
        },
    }
    files = {"sources.json": json.dumps(sources).encode()}
    files |= {f"webhooks/{name}": storm.SECRET.encode() for name in _urls(number)}
    link = tarfile.TarInfo("etc/publisher/current")
    link.type, link.linkname = tarfile.SYMTYPE, "releases/1"
    state = tarfile.TarInfo("state")
    state.type, state.mode, state.uid, state.gid = tarfile.DIRTYPE, 0o755, 1000, 1000
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            file = tarfile.TarInfo(f"etc/publisher/releases/1/{path}")
            file.size, file.mode = len(content), 0o644
            tar.addfile(file, io.BytesIO(content))
        tar.addfile(link)
        tar.addfile(state)
    return buffer.getvalue()


def _idle(container: Container) -> tuple[float, float]:
    """MiB of memory, and per cent of one core over a while, what git took included."""
    container.reload()
    (service,) = psutil.Process(container.attrs["State"]["Pid"]).children()
    before = sum(service.cpu_times()[:4])  # its own and its ended children's
    time.sleep(_IDLE_SECONDS)
    used = sum(service.cpu_times()[:4]) - before
    return service.memory_info().rss / 2**20, used / _IDLE_SECONDS * 100
