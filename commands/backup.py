"""`backup` and `backups`: a snapshot of the stack's data in a repository of restic's, and the list
of all.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import requests
from docker.models.containers import Container
from docker.types import Mount

from commands.at_work import end_in_order, find, networks, wait_for
from commands.backup_prune import remove_old
from commands.backup_words import Heard, Named, done, ending, rows
from commands.context import Context
from commands.error import CommandError
from commands.leftovers import backup_of, collector_of
from commands.pulumi_cli import capture, deployment, secret
from commands.table import table
from commands.vault_api import opened_vault, snapshot_of
from components.backup.container import (
    COMPONENT,
    DATA_AT,
    FOLDER_AT,
    MEMORY_MIB,
    capabilities,
    environment,
    plan,
)
from components.saved import Saved
from composition.backup import what_is_saved
from config.backup_section import BackupSection
from config.settings import PROJECT, ROOT
from host import engine, host_image
from host.docker_host import plain_labels
from host.file_tree import Entry, archive

_PLAN = "backup/plan.json"
_COPIES = "copies"
_HERE = "unix:///var/run/docker.sock"
"""This machine's Docker."""


@dataclass(frozen=True, kw_only=True)
class _Repository:
    """The section of the stack's file, and its secrets."""

    section: BackupSection
    environment: Mapping[str, str] = field(repr=False)
    """What restic is told."""
    secrets: Sequence[str] = field(repr=False)


def run(context: Context) -> int:
    """Make a snapshot of all data now; restic's exit code."""
    repository = _repository(context)
    saved = what_is_saved(context.estate, repository.section)
    end_in_order()  # so that the container goes, and what it was told
    files = {f"{_COPIES}/{name}": content for name, content in _copies(context).items()}
    with _container(context, repository, "save", saved, files) as container:
        if context.settings.registry:
            wait_for(context, collector_of(context), "registry-gc")
        code, heard = _heard(container, repository)
    if heard.summary:
        print(done(heard.summary))
    return _end(context, repository, code, heard)


def snapshots(context: Context) -> int:
    """List what can be restored."""
    repository = _repository(context)
    with _container(context, repository, "list", (), {}) as container:
        code, heard = _heard(container, repository)
    if code == 0:
        found = rows(heard.snapshots, datetime.now(UTC))
        print(table(("snapshot", "made (UTC)", "age", "size"), found))
    return _end(context, repository, code, heard)


def prune(context: Context) -> int:
    """Remove snapshots that are too old, after a yes; restic's exit code.

    With `prune_env`, which the host may not know, it works on this machine.
    """
    repository = _repository(context, "prune_env")
    section = repository.section
    here = bool(section.prune_env) and context.settings.docker_host.startswith("ssh://")
    if here and not engine.reachable(_HERE):
        raise CommandError(
            "homeport:backup.prune_env may not come to the host, so snapshots are removed from "
            "this machine, whose Docker doesn't answer; start it, and type this again"
        )
    asks = not context.may_act("removing snapshots of")
    keep = section.keep.model_dump()

    def ran(command: str) -> tuple[int, Heard]:
        with _container(context, repository, command, (), {}, here=here, keep=keep) as container:
            return _heard(container, repository)

    code, heard = remove_old(ran, lambda question: not asks or context.says_yes(question))
    return _end(context, repository, code, heard)


def _end(context: Context, repository: _Repository, code: int, heard: Heard) -> int:
    """Say why a run failed, if it did; its exit code."""
    if code:
        named = Named(repository=repository.section.repository, backup=context.make("backup"))
        print(ending(code, heard, named), file=sys.stderr)
    return code


def _repository(context: Context, *credentials: str) -> _Repository:
    """What opens the repository: `env`, and what other `credentials` of the section say instead.
    Raises CommandError if the stack's file doesn't say it.
    """
    section = context.settings.backup
    if section is None:
        raise CommandError(
            f"stack {context.stack} has no backup; add homeport:backup with a repository to "
            f"Pulumi.{context.stack}.yaml, such as "
            "{repository: rest:https://backup.example.org/prod}, and type "
            f"`{context.make('backup-key')}`"
        )
    if section.password is None:
        raise CommandError(
            f"homeport:backup.password is missing; `{context.make('backup-key')}` makes it"
        )
    if section.folder and not Path(section.folder).is_dir():
        raise CommandError(
            f"homeport:backup.repository is {section.folder!r}, and there is no such folder; make "
            "it, or mount the disk that has it"
        )
    opened: dict[str, Any] = json.loads(secret(context, f"{PROJECT}:backup"))
    env = {
        name: str(value)
        for given in ("env", *credentials)
        for name, value in (opened.get(given) or {}).items()
    }
    password = str(opened["password"])
    told = environment(
        section.repository, is_folder=bool(section.folder), password=password, credential=env
    )
    return _Repository(section=section, environment=told, secrets=(password, *env.values()))


def _copies(context: Context) -> dict[str, bytes]:
    """What isn't in a volume: the state, with its secrets encrypted, the stack's file, and the
    vault's snapshot.
    """
    deployment(context)  # tells why there is none
    state = capture(context, "stack", "export")
    if state is None:
        raise CommandError(f"the state of stack {context.stack} can't be read; try again")
    file = f"Pulumi.{context.stack}.yaml"
    copies = {"stack/state.json": state.encode(), f"stack/{file}": (ROOT / file).read_bytes()}
    if context.settings.vault:
        with opened_vault(context, secret) as vault:
            copies["vault/vault.snap"] = snapshot_of(vault)
    return copies


@contextmanager
def _container(
    context: Context,
    repository: _Repository,
    command: str,
    saved: Sequence[Saved],
    files: Mapping[str, bytes],
    *,
    here: bool = False,
    **more: object,
) -> Iterator[Container]:
    """The container that works, not yet started. Its name keeps a second one out. `here` is on
    this machine, and not on the stack's host. `more` goes into its plan.
    """
    name, image = backup_of(context), context.estate.images.backup
    if earlier := find(context, name):
        if earlier.status == "running":
            raise CommandError(
                f"another backup is at work in container {name}, which ends by itself; try again "
                "then"
            )
        earlier.remove(force=True, v=True)
    told_first = plan(f"{PROJECT}-{context.stack}", repository.environment, saved, **more)
    folder = repository.section.folder
    bound = [Mount(FOLDER_AT, folder, type="bind")] if folder else []
    try:
        client = engine.connect(_HERE) if here else context.docker
        if not engine.has_image(client, image):
            print(f"Bringing {image}…", flush=True)
            host_image.bring(_HERE if here else context.settings.docker_host, image)
        with engine.throwaway(
            client,
            image,
            ["python3", "-m", "backup", command],
            name=name,
            mounts=[*_mounts(context, saved), *bound],
            capabilities=capabilities(is_folder=bool(folder)),
            labels=plain_labels(f"{PROJECT}/{context.stack}", COMPONENT),
            networks=["bridge"] if here else [] if folder else networks(context),
            memory_mib=MEMORY_MIB,
        ) as container:
            told = {_PLAN: told_first.encode(), **files}
            tree = {path: Entry(content, mode=0o600) for path, content in told.items()}
            container.put_archive("/", archive(tree, ""))
            yield container
    except engine.EngineError as error:
        raise CommandError(str(error)) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(f"the container of the backup: {error}") from error


def _mounts(context: Context, saved: Sequence[Saved]) -> list[Mount]:
    mounts = []
    for one in saved:
        volume = f"{PROJECT}-{context.stack}-{one.volume}"
        if not engine.has_volume(context.docker, volume):
            raise CommandError(
                f"volume {volume} isn't on the host, so there is nothing to save yet; "
                f"`{context.make('up')}` makes it"
            )
        mounts.append(Mount(f"{DATA_AT}/{one.volume}", volume, read_only=True))
    return mounts


def _heard(container: Container, repository: _Repository) -> tuple[int, Heard]:
    """Run it to its end: its exit code, and what it said. Progress is printed."""
    heard = Heard(
        say=lambda text: print(text, flush=True),
        clock=time.monotonic,
        secrets=repository.secrets,
    )
    container.start()
    begun = b""
    for part in container.logs(stream=True, follow=True):
        *lines, begun = (begun + part).split(b"\n")
        for line in lines:
            heard.take(line.decode(errors="replace"))
    heard.take(begun.decode(errors="replace"))
    return int(container.wait()["StatusCode"]), heard
