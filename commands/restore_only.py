"""`restore ONLY=pypi`: the data of one component from a snapshot, in the place of what it has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from docker.types import Mount

from commands import probe, restoring
from commands.at_work import end_in_order, networks, wait_for
from commands.backup_container import (
    Repository,
    Work,
    listen,
    look,
    repository_of,
    told,
    worker,
)
from commands.context import Context
from commands.error import CommandError
from commands.leftovers import backup_of, collector_of, restore_of
from commands.pulumi_cli import secret
from commands.restore_words import Found, failed
from commands.vault_api import opened_vault, put_back
from components.backup.container import COPIES_AT, DATA_AT
from components.entrance import GATEWAY
from components.saved import Saved
from components.vault.server_config import COMPONENT as VAULT
from composition.backup import ALL, what_is_saved
from host import engine

_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
_VAULTS = f"{COPIES_AT}/vault/vault.snap"


def run(context: Context) -> int:
    """Bring it back, while all others go on. restic's exit code where data can't be had; else 0
    when every URL answers.
    """
    only = context.given["only"]
    saved = _allowed(context)
    if only not in saved:
        raise CommandError(f"ONLY is {only!r}; must be one of {', '.join(sorted(saved))}")
    asks = not context.may_act(f"restoring {only} of", always_ask=True)
    repository = repository_of(context, secret)
    restoring.refuse(context)
    end_in_order()  # so that the component starts again
    volumes = [saved[only].volume] if saved[only].volume else []
    snapshot = context.given["snapshot"]
    code, heard = look(context, repository, snapshot, volumes, networks(context))
    if code:
        return told(context, repository, code, heard)
    found = Found(**{key: heard.found[key] for key in ("snapshot", "sizes", "disks")})
    _refuse(context, found, volumes)
    if asks:
        print(f"This replaces all that {only} has by what {found.name} has of it ({found.made}).")
        if input("Type the stack's name to go on: ") != context.stack:
            print("Nothing was changed.")
            return 1
    print(f"Restoring {only} from snapshot {found.name}…", flush=True)
    restored = _vault if only == VAULT else _volume
    if code := restored(context, repository, saved[only], str(found.snapshot["id"])):
        return code
    return probe.run(context)


def _allowed(context: Context) -> dict[str, Saved]:
    """What each component that runs by itself has saved, by its name."""
    section = context.settings.backup
    known = {}
    if section:
        every = what_is_saved(context.estate, section.model_copy(update={"include": ALL}))
        known = {one.component: one for one in every if one.component != GATEWAY}
    if context.settings.vault:
        known[VAULT] = Saved(volume="", component=VAULT)
    return known


def _refuse(context: Context, found: Found, volumes: list[str]) -> None:
    for volume in volumes:
        if volume not in found.sizes:
            raise CommandError(f"snapshot {found.name} has nothing of {volume}")
        if not engine.has_volume(context.docker, context.volume(volume)):
            raise CommandError(
                f"volume {context.volume(volume)} isn't on the host; `{context.make('up')}` "
                "makes it"
            )
    if lacking := found.lacking(volumes):
        raise CommandError(
            f"the new data comes beside the old: {lacking} on a disk of "
            f"{context.settings.docker_host}. Nothing was changed; make room there"
        )


def _volume(context: Context, repository: Repository, saved: Saved, snapshot: str) -> int:
    """Replace what is in a volume; restic's exit code."""
    volume = context.volume(saved.volume)
    work = Work(
        name=restore_of(context),
        called="restore",
        command=["replace", snapshot],
        saved=[saved],
        mounts=[Mount(f"{DATA_AT}/{saved.volume}", volume)],
        capabilities=_RIGHTS,
        networks=networks(context),
    )
    with worker(context, repository, work) as container:
        wait_for(context, backup_of(context), "backup")
        wait_for(context, collector_of(context), "registry-gc")
        with _stopped(context, volume):
            code, heard = listen(container, repository)
    if code:
        print(failed(heard, again=context.make("restore ONLY=…")), file=sys.stderr)
    return code


@contextmanager
def _stopped(context: Context, volume: str) -> Iterator[None]:
    """Have nobody use a volume in the block."""
    users = [
        each
        for each in context.docker.containers.list(filters={"volume": volume})
        if engine.THROWAWAY not in each.labels
    ]
    try:
        for user in users:
            user.stop()
        yield
    finally:
        for user in users:
            user.start()


def _vault(context: Context, repository: Repository, _: Saved, snapshot: str) -> int:
    """Replace what the vault holds; restic's exit code."""
    work = Work(
        name=restore_of(context),
        called="restore",
        command=["restore", snapshot],
        capabilities=_RIGHTS,
        networks=networks(context),
    )
    with worker(context, repository, work) as container:
        code, heard = listen(container, repository)
        if code:
            return told(context, repository, code, heard)
        if not engine.exists(container, _VAULTS):
            raise CommandError("the snapshot has nothing of the vault")
        ((_entry, content),) = engine.unpack(container, _VAULTS)
    with opened_vault(context, secret) as vault:
        put_back(context, vault, content, called="the vault's snapshot in the backup")
    return 0
