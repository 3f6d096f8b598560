"""`restore`: a snapshot's data on a host that has none, and then the stack."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import NamedTemporaryFile
from typing import Any

from commands import bare_host, live, restoring
from commands.at_work import end_in_order, networks
from commands.backup_container import (
    BRIDGE,
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
from commands.leftovers import restore_of
from commands.pulumi_cli import capture, pulumi, secret
from commands.restore_words import Found, differences, failed
from commands.vault_api import opened_vault, put_back
from components.backup.container import COPIES_AT, DATA_AT
from components.saved import Saved
from components.vault.server_config import DATA as VAULT
from composition.backup import ALL, what_is_saved
from config.settings import ROOT
from host import engine

_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""To make files of any owner and mode."""
_DONE, _VAULTS = "done", "vault/vault.snap"
"""Files beside the copies: all data was restored; the vault's snapshot."""
_GENERATING = "**VaultContents**"
"""Resources that make values in a vault that has none."""
_SAVING = "**index:Backup**"
"""What saves each day, and begins when it is made."""


@dataclass(frozen=True)
class Up:
    """What `up` is made of."""

    ready: Callable[[Context], dict[str, Any]]
    update: Callable[..., int]
    whole: Callable[[Context, Mapping[str, Any], Mapping[str, str]], int]


def run(context: Context, up: Up) -> int:
    """Bring data and stack back. restic's exit code where data can't be had; else 0 when every URL
    answers.

    Whenever it was ended, it goes on where it was when it is called again.
    """
    _ = context.estate  # every problem of every file, before anything is touched
    files = live.digests()
    asks = not context.may_act("restoring", always_ask=True)
    state = _state(context)
    repository = repository_of(context, secret)
    end_in_order()  # so that the container goes, and what it was told
    bare_host.prepare(context)
    restoring.refuse_another(context, context.given["snapshot"])
    if not restoring.begun(context):
        restoring.refuse_containers(context)
    is_there = restoring.begun(context) and restoring.read(context, _DONE)
    if not is_there and (code := _bring_data(context, repository, state, asks=asks)):
        return code
    known = up.ready(context)
    if context.settings.vault and (content := restoring.read(context, _VAULTS)):
        if code := up.update(context, known, *_later(context)):
            return code
        print("Restoring the vault…", flush=True)
        with opened_vault(context, secret) as vault:
            then = f"and type `{context.make('restore')}` again"  # `up` refuses until the end
            called = "the vault's snapshot in the backup"
            put_back(context, vault, content, called=called, then=then)
        known = up.ready(context)
    if code := up.whole(context, known, files):
        return code
    restoring.end(context)
    return 0


def state(context: Context) -> int:
    """Take the state of the newest snapshot over, where there is none. The host stays as it is."""
    if resources := (json.loads(_state(context)).get("deployment") or {}).get("resources"):
        raise CommandError(
            f"stack {context.stack} has a state, of {len(resources)} resources, and nothing was "
            f"changed: `{context.make('up')}` needs no other one"
        )
    repository = repository_of(context, secret)
    end_in_order()
    ways = networks(context)
    code, heard = look(context, repository, "", [], ways)
    if code:
        return told(context, repository, code, heard)
    work = Work(
        name=restore_of(context),
        called="restore",
        command=["restore", str(heard.found["snapshot"]["id"])],
        capabilities=_RIGHTS,
        networks=ways,
    )
    with worker(context, repository, work) as container:
        code, heard_of_it = listen(container, repository)
        if code:
            return told(context, repository, code, heard_of_it)
        ((_, content),) = engine.unpack(container, f"{COPIES_AT}/stack/state.json")
    _take_over(context, content.decode())
    made = datetime.fromisoformat(heard.found["snapshot"]["time"])
    print(
        f"stack {context.stack} has the state of {made:%Y-%m-%d %H:%M} again; "
        f"`{context.make('drift')}` shows what changed on the host since then"
    )
    return 0


def _state(context: Context) -> str:
    """The stack's state as it is exported. Where there is none, it is made."""
    state = capture(context, "stack", "export")
    if state is None and pulumi(context, "stack", "init", "--no-select") == 0:
        state = capture(context, "stack", "export")
    if state is None:
        raise CommandError(f"the state of stack {context.stack} can neither be read nor made")
    return state


def _later(context: Context) -> list[str]:
    """What an update leaves out as long as the vault isn't the one of before."""
    saving = ["--exclude", _SAVING] if context.settings.daily_backup else []
    return ["--exclude", _GENERATING, *saving]


def _bring_data(context: Context, repository: Repository, state: str, *, asks: bool) -> int:
    """Restore the volumes; restic's exit code."""
    begun = restoring.begun(context)
    # What isn't saved any more, but was, comes back as well.
    section = repository.section.model_copy(update={"include": ALL})
    known = {one.volume: one for one in what_is_saved(context.estate, section)}
    wanted_id = begun or context.given["snapshot"]
    code, heard = look(context, repository, wanted_id, [*known, VAULT], [BRIDGE])
    if code:
        return told(context, repository, code, heard)
    found = Found(**{key: heard.found[key] for key in ("snapshot", "sizes", "disks")})
    wanted = [one for name, one in known.items() if name in found.sizes]
    names = [one.volume for one in wanted]
    if not begun:
        vaults = [VAULT] if context.settings.vault else []
        restoring.refuse_disks(context, found, names, *vaults)
    saved = {one.volume for one in what_is_saved(context.estate, repository.section)}
    file = f"Pulumi.{context.stack}.yaml"
    for line in differences({*found.sizes} - {""}, {*saved, *names}, file=file):
        print(line)
    if asks:
        print(f"This restores {found.shown()} to {context.settings.docker_host}.")
        if input("Type the stack's name to go on: ") != context.stack:
            print("Nothing was changed.")
            return 1
    if not begun:
        _forget(context, state)
    return _restore(context, repository, found, wanted)


def _forget(context: Context, state: str) -> None:
    """Begin with an empty state, and keep the one of the host that is gone."""
    exported = json.loads(state)
    deployment = exported.get("deployment") or {}
    if not deployment.get("resources"):
        return
    kept = ROOT / f".engine/states/{context.stack}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(state, encoding="utf-8")
    deployment = {k: v for k, v in deployment.items() if k in ("manifest", "secrets_providers")}
    _take_over(context, json.dumps({**exported, "deployment": deployment}))
    print(f"kept the state of the host that is gone: {kept.relative_to(ROOT)}")


def _take_over(context: Context, state: str) -> None:
    """Give the stack a state in place of the one that it has."""
    with NamedTemporaryFile("w", encoding="utf-8") as file:  # its owner alone reads it
        file.write(state)
        file.flush()
        if pulumi(context, "stack", "import", "--file", file.name):
            raise CommandError(
                f"the state of stack {context.stack} couldn't be replaced; nothing was restored"
            )


def _restore(
    context: Context, repository: Repository, found: Found, wanted: Sequence[Saved]
) -> int:
    """Write the volumes; restic's exit code."""
    print(f"Restoring {found.shown()}…", flush=True)
    snapshot = str(found.snapshot["id"])
    work = Work(
        name=restore_of(context),
        called="restore",
        command=["restore", snapshot],
        saved=wanted,
        mounts=restoring.volumes(context, snapshot, wanted, at=DATA_AT, copies_at=COPIES_AT),
        capabilities=_RIGHTS,
        networks=[BRIDGE],
    )
    with worker(context, repository, work) as container:
        code, heard = listen(container, repository)
    if code:
        print(failed(heard, again=context.make("restore")), file=sys.stderr)
    return code
