"""`vault-snapshot` and `vault-restore`: all that the vault holds, as a file and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import secret
from commands.vault_api import is_snapshot, opened_vault, put_back, snapshot_of


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
        put_back(context, vault, content, called=file)
    print(f"restored {file}; `{context.make('up')}` brings what the files declare up to date")
    return 0
