"""`backup` and `backups`: a snapshot of the stack's data in a repository of restic's, and the list
of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from docker.types import Mount

from commands import restoring
from commands.at_work import end_in_order, networks, wait_for
from commands.backup_container import (
    BRIDGE,
    HERE,
    Work,
    listen,
    repository_of,
    told,
    worker,
)
from commands.backup_prune import remove_old
from commands.backup_words import Heard, done, proofs, rows
from commands.context import Context
from commands.error import CommandError
from commands.leftovers import backup_of, collector_of, restore_of
from commands.pulumi_cli import capture, deployment, secret
from commands.scheduled import remembered
from commands.table import table
from commands.vault_api import opened_vault, snapshot_of
from components.backup.container import COPIES_AT, DATA_AT, READS
from components.saved import Saved
from composition.backup import what_is_saved
from config.settings import ROOT
from host import engine


def run(context: Context) -> int:
    """Make a snapshot of all data now; restic's exit code."""
    repository = repository_of(context, secret)
    saved = what_is_saved(context.estate, repository.section)
    restoring.refuse(context)
    end_in_order()  # so that the container goes, and what it was told
    files = {f"{COPIES_AT[1:]}/{name}": content for name, content in _copies(context).items()}
    work = _work(context, "save", saved, files)
    with worker(context, repository, work) as container:
        wait_for(context, restore_of(context), "restore")
        if context.settings.registry:
            wait_for(context, collector_of(context), "registry-gc")
        code, heard = listen(container, repository)
    if heard.summary:
        print(done(heard.summary))
    return told(context, repository, code, heard)


def snapshots(context: Context) -> int:
    """List what can be restored, and when the host last saw that it can."""
    repository = repository_of(context, secret)
    with worker(context, repository, _work(context, "list")) as container:
        code, heard = listen(container, repository)
    if code == 0:
        now = datetime.now(UTC)
        found = rows(heard.snapshots, now)
        print(table(("snapshot", "made (UTC)", "age", "size"), found))
        if known := remembered(context):
            print(*proofs(known, now), sep="\n")
    return told(context, repository, code, heard)


def prune(context: Context) -> int:
    """Remove snapshots that are too old, after a yes; restic's exit code.

    With `prune_env`, which the host may not know, it works on this machine.
    """
    repository = repository_of(context, secret, "prune_env")
    section = repository.section
    here = bool(section.prune_env) and context.settings.docker_host.startswith("ssh://")
    if here and not engine.reachable(HERE):
        raise CommandError(
            "homeport:backup.prune_env may not come to the host, so snapshots are removed from "
            "this machine, whose Docker doesn't answer; start it, and type this again"
        )
    asks = not context.may_act("removing snapshots of")
    keep = section.keep.model_dump()

    def ran(command: str) -> tuple[int, Heard]:
        work = _work(context, command, here=here, keep=keep)
        with worker(context, repository, work) as container:
            return listen(container, repository)

    code, heard = remove_old(ran, lambda question: not asks or context.says_yes(question))
    return told(context, repository, code, heard)


def _work(
    context: Context,
    command: str,
    saved: Sequence[Saved] = (),
    files: Mapping[str, bytes] | None = None,
    *,
    here: bool = False,
    **more: object,
) -> Work:
    return Work(
        name=backup_of(context),
        called="backup",
        command=[command],
        saved=saved,
        more=more,
        mounts=_mounts(context, saved),
        capabilities=READS,
        networks=[BRIDGE] if here else networks(context),
        files=files or {},
        here=here,
    )


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


def _mounts(context: Context, saved: Sequence[Saved]) -> list[Mount]:
    mounts = []
    for one in saved:
        volume = context.volume(one.volume)
        if not engine.has_volume(context.docker, volume):
            raise CommandError(
                f"volume {volume} isn't on the host, so there is nothing to save yet; "
                f"`{context.make('up')}` makes it"
            )
        mounts.append(Mount(f"{DATA_AT}/{one.volume}", volume, read_only=True))
    return mounts
