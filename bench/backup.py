"""What it costs to save data, and how long a lost host takes to come back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import docker
import psutil

from bench.clock import seconds
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until
from tests.e2e.vaulted import Vaulted

_MIB = 2**20
_GLANCE = 0.2  # seconds
_IDLE_SECONDS = 60
_PACKAGES = """
cd /state; head -c 200M /dev/urandom | split -b 200k - package-
find /state -type f -exec touch -d '2026-01-02 03:04:05' {} +
"""
"""Thousand packages of 200 KiB, which nobody still writes."""


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """A stack with registries and a vault, saved by hand, then each day, then lost and restored."""
    checkout.extra["registry"] = {}
    Vaulted(checkout)
    checkout.up()
    without = _resources(checkout)
    pypi = containers.one(checkout.docker, checkout.label, "pypi")
    containers.run_in(pypi, _PACKAGES)
    with TemporaryDirectory() as folder:
        repository = Path(folder)
        checkout.configure(backup={"repository": folder})
        checkout.set_secrets({"backup.password": secrets.token_urlsafe(24)})
        rows = _by_hand(checkout, repository)
        saved = cast("dict[str, object]", checkout.extra["backup"])
        checkout.configure(backup={**saved, "at": "03:17"})
        login = {f"backup.{key}": secrets.token_hex(16) for key in ("role_id", "secret_id")}
        checkout.set_secrets(login)
        checkout.up()
        rows.append(("resources without a backup, and with one each day", _both(checkout, without)))
        memory, cpu = _idle(checkout)
        rows.append(("its container at rest: MiB, % of a core", f"{memory:.0f}, {cpu:.1f}"))
        containers.remove_all(checkout.docker, checkout.label)
        took = seconds(lambda: checkout.command("restore"))
        rows.append(("`make restore` on a host without the stack, seconds", f"{took:.0f}"))
    return rows


def _by_hand(checkout: Checkout, repository: Path) -> list[tuple[str, str]]:
    rows = []
    for what in ("first `make backup`", "the next, without changes"):
        before = _bytes(repository)
        took, cpu, memory = _watched(checkout, lambda: checkout.command("backup"))
        grown = (_bytes(repository) - before) / _MIB
        figures = f"{took:.0f}, {cpu:.1f}, {memory:.0f}, {grown:.1f}"
        rows.append((f"{what}: seconds, seconds of CPU, MiB of memory, MiB more kept", figures))
    return rows


def _watched(checkout: Checkout, action: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds that an action takes; seconds of CPU and most MiB of the container that works."""
    cpu = memory = 0.0
    began = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(action)
        while not run.done():
            with suppress(docker.errors.APIError, psutil.Error):  # not there yet, or any more
                used, held = _used(checkout, f"homeport-{checkout.stack}-backup")
                cpu, memory = max(cpu, used), max(memory, held)
            time.sleep(_GLANCE)
        run.result()
    return time.monotonic() - began, cpu, memory


def _used(checkout: Checkout, name: str) -> tuple[float, float]:
    """Seconds of CPU until now, and MiB of the processes of a container."""
    container = checkout.docker.containers.get(name)
    first = psutil.Process(container.attrs["State"]["Pid"])
    # Those that have ended are counted for who started them.
    used = sum(sum(each.cpu_times()[:4]) for each in (first, *first.children(recursive=True)))
    return used, containers.resident_mib(container)


def _idle(checkout: Checkout) -> tuple[float, float]:
    """MiB and per cent of a core of the container that saves each day, after its first run."""
    container = containers.one(checkout.docker, checkout.label, "backup")
    wait_until(lambda: b"the check ended with 0" in container.logs(), "the first run has ended")
    before, _ = _used(checkout, str(container.name))
    time.sleep(_IDLE_SECONDS)
    after, memory = _used(checkout, str(container.name))
    return memory, 100 * (after - before) / _IDLE_SECONDS


def _resources(checkout: Checkout) -> int:
    return len(checkout.state()["deployment"]["resources"])


def _both(checkout: Checkout, without: int) -> str:
    return f"{without}, {_resources(checkout)}"


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
