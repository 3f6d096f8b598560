"""The container that saves each day: what commands tell it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import docker
import requests
from docker.models.containers import Container

from commands.context import Context
from commands.error import CommandError
from components.backup.container import COMPONENT, COPIES_AT, STATE_AT
from config.settings import ROOT
from host import engine
from host.file_tree import Entry, archive

_COMING = ".coming"
_HOLD, _LOCK = f"{STATE_AT}/registry-gc", f"{STATE_AT}/lock"
_GLANCE = 0.5  # seconds


def keep_state(context: Context, capture: Callable[..., str | None]) -> None:
    """Give it the state, with its secrets encrypted, and the stack's file, which it saves. Nothing
    if the stack has no such container.

    `capture` is what a command of Pulumi's prints.
    """
    if not context.settings.daily_backup:
        return
    state = capture(context, "stack", "export")
    container = _container(context)
    if state is None or container is None:
        raise CommandError(
            "the update is done, but the backup was not given the stack's state; "
            f"`{context.make('status')}` shows what runs, and `{context.make('up')}` tries again"
        )
    name = f"Pulumi.{context.stack}.yaml"
    tree = {
        "state.json": Entry(state.encode(), mode=0o600),
        name: Entry((ROOT / name).read_bytes(), mode=0o600),
    }
    # Each file moves to its place whole, as a run may read meanwhile.
    script = f"cd {COPIES_AT} && mkdir -p stack && mv -f {_COMING}/stack/* stack/"
    try:
        _must_run(container, f"mkdir -p {COPIES_AT}/{_COMING}/stack")
        container.put_archive(f"{COPIES_AT}/{_COMING}/stack", archive(tree, ""))
        _must_run(container, script)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(f"the backup was not given the stack's state: {error}") from error


def remembered(context: Context) -> dict[str, float]:
    """What it knows of its runs. Nothing if it doesn't run, or hasn't saved yet."""
    container = _container(context) if context.settings.daily_backup else None
    ran = engine.run_in(container, ["cat", f"{STATE_AT}/notes.json"]) if container else None
    found: dict[str, float] = json.loads(ran.output) if ran and ran.code == 0 else {}
    return found


@contextmanager
def held(context: Context) -> Iterator[None]:
    """Have no scheduled run begin in the block; one that is at work is waited for."""
    container = _container(context) if context.settings.daily_backup else None
    if container is None:
        yield
        return
    _must_run(container, f"touch {_HOLD}")
    try:
        if engine.run_in(container, ["flock", "-n", _LOCK, "true"]).code:
            print("Waiting for backup to end…", flush=True)
            while engine.run_in(container, ["flock", "-n", _LOCK, "true"]).code:
                time.sleep(_GLANCE)
        yield
    finally:
        _must_run(container, f"rm -f {_HOLD}")


def _container(context: Context) -> Container | None:
    for container in context.containers(component=COMPONENT):
        if engine.THROWAWAY not in container.labels and container.status == "running":
            return container
    return None


def _must_run(container: Container, script: str) -> None:
    ran = engine.run_in(container, ["sh", "-c", script])
    if ran.code:
        raise CommandError(f"container {container.name}: {ran.said[-500:]}")
