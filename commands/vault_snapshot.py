"""`vault-snapshot` and `vault-restore`: all that the vault holds, as a file and back."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path

import hvac
import requests
from hvac.adapters import RawAdapter

from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import secret
from commands.vault_api import SNAPSHOT, TIMEOUT, is_snapshot, opened_vault, snapshot_of
from components.vault.server_config import PROGRAM

_POLICY = f"/v1/sys/policies/acl/{PROGRAM}"
_OTHER_KEY = "different autoseal key"  # beside the advice to do it by force
_PATIENCE = 60  # seconds for the vault to take up what was restored
_PAUSE = 0.5


def save(context: Context) -> int:
    """Write a snapshot to FILE, or to a name with the time in it."""
    file = Path(
        context.given["file"] or f"vault-{context.stack}-{datetime.now(UTC):%Y%m%d-%H%M%S}.snap"
    )
    with opened_vault(context, secret) as vault:
        content = snapshot_of(vault)
    try:
        file.touch(mode=0o600, exist_ok=False)
        try:
            file.write_bytes(content)
        except OSError:
            file.unlink()
            raise
    except OSError as error:
        raise CommandError(
            f"{file} can't be written: {error.strerror}; give another FILE="
        ) from error
    print(f"wrote {file}, {len(content) / 2**20:.1f} MiB; only the stack's seal key opens it")
    return 0


def restore(context: Context) -> int:
    """Put a snapshot in place of all that the vault holds."""
    file = context.given["file"]
    if not file:
        raise CommandError(f"{context.make('vault-restore FILE=…')}: name the snapshot")
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from error
    if not is_snapshot(content):
        raise CommandError(
            f"{file} isn't a snapshot of a vault, or is incomplete; nothing was changed"
        )
    if not context.may_act("restoring the vault of", always_ask=True):
        wanted = input(
            "This deletes everything that the vault holds now. Type the stack's name to go on: "
        )
        if wanted != context.stack:
            print("Nothing was changed.")
            return 1
    with opened_vault(context, secret) as vault:
        # OpenBao answers before it begins to restore. A mark that no snapshot has tells when it is
        # done; it stands where the next `make up` would remove it.
        mark = f"# until a snapshot is restored: {secrets.token_hex(8)}\n"
        before = vault.get(_POLICY).json()["data"]["policy"]
        vault.post(_POLICY, json={"policy": before + mark})
        try:
            vault.post(SNAPSHOT, data=content, timeout=TIMEOUT)
        except hvac.exceptions.VaultError as error:
            vault.post(_POLICY, json={"policy": before})
            if _OTHER_KEY not in str(error):
                raise
            raise CommandError(
                f"{file} was sealed with another key than homeport:vault.seal_key, and nothing "
                "was changed; set its key as homeport:vault.previous_seal_key, type "
                f"`{context.make('up')}`, and restore it then (docs/how-to/vault.md)"
            ) from error
        deadline = time.monotonic() + _PATIENCE
        while not _is_restored(vault, mark):
            if time.monotonic() > deadline:
                raise CommandError(
                    "the snapshot was restored, but the vault is unhealthy since then; "
                    f"`{context.make('logs NAME=vault')}` tells why"
                )
            time.sleep(_PAUSE)
    print(f"restored {file}; `{context.make('up')}` brings what the files declare up to date")
    return 0


def _is_restored(vault: RawAdapter, mark: str) -> bool:
    """Whether the vault serves what the snapshot holds, and so has lost the mark."""
    try:
        answer = vault.get(_POLICY)
    except hvac.exceptions.Forbidden:
        return True  # it doesn't know the login of before any more
    except (requests.RequestException, hvac.exceptions.VaultError):
        return False
    return mark not in answer.json()["data"]["policy"]
