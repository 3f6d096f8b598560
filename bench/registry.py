"""What the gateway's passwords cost a push and a pull, and what distribution's own would."""

from __future__ import annotations

import io
import json
import secrets
import statistics
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from docker.models.containers import Container
from passlib.hash import bcrypt

from bench.clock import seconds
from tests.e2e.checkout import Checkout, free_port
from tests.e2e.registries import IMAGES, WRITER, Registries, at_an_address_of_its_own
from tests.e2e.support import containers
from tests.e2e.support.clients import missing
from tests.e2e.support.waiting import wait_until

_ROUNDS = 5
_LAYERS, _MIB = 20, 4
_REQUESTS = 20
_PASSWORD = "bench-password"  # noqa: S105 - of a registry that is gone in a minute
_KNOWN = "bench"  # with a hash as `make user` makes it
_HTPASSWD = {
    "REGISTRY_AUTH": "htpasswd",
    "REGISTRY_AUTH_HTPASSWD_REALM": "bench",
    "REGISTRY_AUTH_HTPASSWD_PATH": "/htpasswd",
}


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """A stack with registries, and distribution alone beside it, on the same disk."""
    if reason := missing():
        return [("not measured", reason)]
    checkout.place = at_an_address_of_its_own(checkout.place)
    with (
        Registries(checkout, Path(checkout.folder).parent / "clients") as registries,
        _distribution(checkout, {}) as (direct, _),
        _distribution(checkout, _HTPASSWD) as (guarded, service),
    ):
        registries.passwords[_KNOWN] = _PASSWORD
        checkout.command("user", "--name", _KNOWN, given=_PASSWORD)
        registries.bring_up()
        registries.log_in(WRITER)
        router = registries.container("router")
        pushes, pulls = _ratios(registries, direct)
        requests = _requests_of_a_push(registries, router)
        own = _cpu_of_one(service, lambda: _authenticated(guarded))
        known = _cpu_of_one(router, lambda: registries.ask("GET", IMAGES, "/v2/", _KNOWN))
        first = _cpu_of_one(router, lambda: _guess(registries, _KNOWN))
        stranger = _cpu_of_one(router, lambda: _guess(registries, "stranger"))
    return [
        (f"push of {_LAYERS} layers, through the gateway / directly", f"{pushes:.2f}"),
        ("pull of the same, through the gateway / directly", f"{pulls:.2f}"),
        ("requests of that push, each with a password", f"{requests}"),
        ("CPU seconds, one request to distribution with htpasswd of cost 11", f"{own:.3f}"),
        ("CPU seconds, one request at the gateway, password seen before", f"{known:.4f}"),
        ("CPU seconds, the same, password not seen before", f"{first:.3f}"),
        ("CPU seconds, the same, no such user", f"{stranger:.3f}"),
        (
            "CPU seconds for passwords of that push: distribution, gateway at most",
            f"{requests * own:.1f}, {first + requests * known:.1f}",
        ),
    ]


def _ratios(registries: Registries, direct: str) -> tuple[float, float]:
    """Of the seconds for a push and for a pull, the middle ones of several rounds."""
    pushes, pulls = [], []
    for number in range(_ROUNDS):
        name = registries.build(f"bench:{number}", layers=_LAYERS, mib=_MIB)
        took = [_push_and_pull(registries, name, at) for at in (registries.name, direct)]
        pushes.append(took[0][0] / took[1][0])
        pulls.append(took[0][1] / took[1][1])
        registries.clients.ok("docker", "rmi", name)
    return statistics.median(pushes), statistics.median(pulls)


def _push_and_pull(registries: Registries, name: str, at: str) -> tuple[float, float]:
    there, clients = f"{at}/{name}", registries.clients
    clients.ok("docker", "tag", name, there)
    push = seconds(lambda: registries.push(there))
    # Away from the machine, layers and all, or there would be nothing to pull.
    clients.ok("docker", "save", "--output", "kept.tar", name)
    clients.ok("docker", "rmi", name, there)
    pull = seconds(lambda: registries.pull(there))
    clients.ok("docker", "rmi", there)
    clients.ok("docker", "load", "--input", "kept.tar")
    return push, pull


def _requests_of_a_push(registries: Registries, router: Container) -> int:
    name = registries.build(f"{registries.name}/counted:1", layers=_LAYERS)
    before = len(containers.access_log(router))
    registries.push(name)
    lines = containers.access_log(router)[before:].splitlines()
    entries = [json.loads(line) for line in lines if '"http.log.access.registry"' in line]
    return sum("Authorization" in entry["request"]["headers"] for entry in entries)


@contextmanager
def _distribution(
    checkout: Checkout, environment: dict[str, str]
) -> Iterator[tuple[str, Container]]:
    """Distribution alone, on a port of this machine: `host:port`, and its container."""
    port = free_port("127.0.0.1")
    at = f"127.0.0.1:{port}"
    container = checkout.docker.containers.create(
        checkout.image("registry"),
        ["serve", "/etc/distribution/config.yml"],
        entrypoint="registry",
        environment={"OTEL_TRACES_EXPORTER": "none", **environment},
        ports={"5000/tcp": ("127.0.0.1", port)},
        init=True,
        labels=containers.of_this_run(),
    )
    try:
        container.put_archive("/", _htpasswd())
        container.start()
        wait_until(lambda: httpx.get(f"http://{at}/v2/", trust_env=False), "it answers")
        yield at, container
    finally:
        container.remove(force=True, v=True)


def _htpasswd() -> bytes:
    content = f"{WRITER}:{bcrypt.using(rounds=11, ident='2y').hash(_PASSWORD)}\n".encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        file = tarfile.TarInfo("htpasswd")
        file.size, file.mode = len(content), 0o644
        tar.addfile(file, io.BytesIO(content))
    return buffer.getvalue()


def _authenticated(at: str) -> None:
    answer = httpx.get(f"http://{at}/v2/", auth=(WRITER, _PASSWORD), trust_env=False)
    answer.raise_for_status()


def _guess(registries: Registries, user: str) -> None:
    registries.passwords[user] = secrets.token_hex(8)
    registries.ask("GET", IMAGES, "/v2/", user)


def _cpu_of_one(container: Container, ask: Callable[[], object]) -> float:
    """Seconds of CPU that a container's service spends on a request."""
    container.reload()
    # The first one: what a health check leaves may be there for a moment as well.
    service, *_ = psutil.Process(container.attrs["State"]["Pid"]).children()
    ask()
    before = sum(service.cpu_times()[:2])
    for _ in range(_REQUESTS):
        ask()
    return (sum(service.cpu_times()[:2]) - before) / _REQUESTS
