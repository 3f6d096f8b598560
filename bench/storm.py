"""A storm of webhooks: every repository is pushed to, and all of it is announced at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import psutil
from docker.models.containers import Container

from bench.servers import ip
from tests.e2e.following import Following, page
from tests.e2e.support.webhook import Webhook, push_of

HOST = "storm.example.org"
SECRET = "storm"  # noqa: S105 - of repositories that end with the bench
_THREADS = 20  # as a hosting service would send them, not one after the other
_PATIENCE = 300  # seconds


def storm(
    following: Following, container: Container, repositories: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What it takes until a publisher has published all of them once more.

    `repositories` are their URLs by name. The webhook of each is `http://HOST/<name>`, with
    `SECRET`.
    """
    commit = following.git.push("journal", page("storm"))
    following.git.run(
        f"cd /repositories && for name in {' '.join(repositories)}; do "
        "git -C $name fetch --quiet ../journal +main:main; done"
    )
    container.reload()
    address = ip(container), 8000
    (service,) = psutil.Process(container.attrs["State"]["Pid"]).children()
    with ExitStack() as stack, ThreadPoolExecutor(_THREADS) as pool:
        webhooks = {
            name: stack.enter_context(
                Webhook(
                    f"http://{HOST}/{name}",
                    secret=SECRET,
                    address=address,
                    ca=following.checkout.ca,
                )
            )
            for name in repositories
        }
        began = time.monotonic()
        sent = [
            pool.submit(webhook.send, push_of(repositories[name]))
            for name, webhook in webhooks.items()
        ]
        answered, memory, gits = 0.0, 0.0, 0
        while container.logs().decode().count(f": published {commit[:12]}") < len(repositories):
            if not answered and all(each.done() for each in sent):
                answered = time.monotonic() - began
            used, git = _load(service)
            memory, gits = max(memory, used), max(gits, git)
            if time.monotonic() - began > _PATIENCE:
                raise TimeoutError(f"the storm isn't over after {_PATIENCE} s")
        took = time.monotonic() - began
    statuses = {each.result().status_code for each in sent}
    if statuses != {202}:
        raise RuntimeError(f"webhooks were answered with {statuses}")
    what = f"storm of {len(repositories)} webhooks"
    return [
        (f"{what}: all answered, seconds", f"{answered:.1f}"),
        (f"{what}: all published, seconds", f"{took:.1f}"),
        (f"{what}: most memory, git included, MiB", f"{memory:.0f}"),
        (f"{what}: most git processes at once", f"{gits}"),
    ]


def _load(service: psutil.Process) -> tuple[float, int]:
    """MiB of a process and its descendants, and how many of these are git."""
    memory, gits = 0, 0
    for process in (service, *service.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            memory += process.memory_info().rss
            gits += process.name() == "git"
    return memory / 2**20, gits
