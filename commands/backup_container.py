"""The container in which restic works on a stack's data, and the repository that it is told."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker.models.containers import Container
from docker.types import Mount

from commands.backup_words import Heard, Named, ending
from commands.context import Context
from commands.error import CommandError
from commands.restore_words import unknown
from components.backup.container import (
    COMPONENT,
    DATA_AT,
    FOLDER_AT,
    MEMORY_MIB,
    READS,
    capabilities,
    environment,
    plan,
)
from components.saved import Saved
from config.backup_section import BackupSection
from config.settings import PROJECT
from host import engine, host_image
from host.file_tree import Entry, archive

BRIDGE = "bridge"
"""Docker's own network, for a host that has none of the stack's."""
HERE = "unix:///var/run/docker.sock"
"""This machine's Docker."""
_PLAN = "backup/plan.json"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The section of the stack's file, and its secrets."""

    section: BackupSection
    environment: Mapping[str, str] = field(repr=False)
    """What restic is told."""
    secrets: Sequence[str] = field(repr=False)
    credential: str
    """The setting that opens the server."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a container does, and what it has for it."""

    name: str
    """The container's, which keeps a second one out."""
    called: str
    """What a person calls it."""
    command: Sequence[str]
    """What the image's program is told."""
    saved: Sequence[Saved] = ()
    more: Mapping[str, object] = field(default_factory=dict)
    """What its plan has besides."""
    mounts: Sequence[Mount] = ()
    capabilities: Sequence[str] = ()
    networks: Sequence[str] = ()
    """Where a server is reached. A repository in a folder needs none."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What is copied into it, by path."""
    here: bool = False
    """On this machine, and not on the stack's host."""


def repository_of(
    context: Context, secret: Callable[[Context, str], str], *credentials: str
) -> Repository:
    """What opens the repository: `env`, and what other `credentials` of the section say instead.
    Raises CommandError if the stack's file doesn't say it.

    `secret` reads a section of the stack's settings.
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
    given = [each for each in ("env", *credentials) if opened.get(each)]
    return Repository(
        section=section,
        environment=told,
        secrets=(password, *env.values()),
        credential=given[-1] if given else "env",
    )


@contextmanager
def worker(context: Context, repository: Repository, work: Work) -> Iterator[Container]:
    """The container that works, not yet started."""
    image = context.estate.images.backup
    if earlier := context.find(work.name):
        if earlier.status == "running":
            raise CommandError(
                f"another {work.called} is at work in container {work.name}, which ends by itself; "
                "try again then"
            )
        earlier.remove(force=True, v=True)
    told_first = plan(f"{PROJECT}-{context.stack}", repository.environment, work.saved, **work.more)
    folder = repository.section.folder
    bound = [Mount(FOLDER_AT, folder, type="bind")] if folder else []
    try:
        client = engine.connect(HERE) if work.here else context.docker
        if not engine.has_image(client, image):
            print(f"Bringing {image}…", flush=True)
            host_image.bring(HERE if work.here else context.settings.docker_host, image)
        with engine.throwaway(
            client,
            image,
            ["python3", "-m", "backup", *work.command],
            name=work.name,
            mounts=[*work.mounts, *bound],
            capabilities=capabilities(*work.capabilities, is_folder=bool(folder)),
            labels=context.labels(COMPONENT),
            networks=[] if folder else work.networks,
            memory_mib=MEMORY_MIB,
        ) as container:
            told = {_PLAN: told_first.encode(), **work.files}
            tree = {path: Entry(content, mode=0o600) for path, content in told.items()}
            container.put_archive("/", archive(tree, ""))
            yield container
    except engine.EngineError as error:
        raise CommandError(str(error)) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(f"the container of the {work.called}: {error}") from error


def listen(container: Container, repository: Repository) -> tuple[int, Heard]:
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


def look(
    context: Context,
    repository: Repository,
    wanted: str,
    volumes: Sequence[str],
    ways: Sequence[str],
) -> tuple[int, Heard]:
    """What the newest snapshot whose id begins with `wanted` holds, and what is on the disks of
    these volumes, there or not. `ways` are the networks. Raises CommandError where there is no such
    snapshot.
    """
    there = [name for name in volumes if engine.has_volume(context.docker, context.volume(name))]
    work = Work(
        name=context.volume("restore"),
        called="restore",
        command=["look", wanted],
        saved=[Saved(volume=name, component="") for name in volumes],
        mounts=[Mount(f"{DATA_AT}/{name}", context.volume(name), read_only=True) for name in there],
        capabilities=READS,
        networks=ways,
    )
    with worker(context, repository, work) as container:
        code, heard = listen(container, repository)
    if code == 0 and not heard.found:
        raise CommandError(unknown(wanted, heard.snapshots, backup=context.make("backup")))
    return code, heard


def told(context: Context, repository: Repository, code: int, heard: Heard) -> int:
    """Say why a run failed, if it did; its exit code."""
    if code:
        named = Named(
            repository=repository.section.repository,
            backup=context.make("backup"),
            credential=repository.credential,
        )
        print(ending(code, heard, named), file=sys.stderr)
    return code
