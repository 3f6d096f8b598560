"""`backup-key`: the secrets of the backup, and the sheet that somebody keeps elsewhere."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import deployment, secret, set_config
from config.settings import PROJECT
from config.vault_section import MADE

_MAKE: Mapping[str, Callable[[], str]] = {
    "password": lambda: secrets.token_urlsafe(32),
    "role_id": lambda: secrets.token_hex(16),
    "secret_id": lambda: secrets.token_hex(32),
}


def run(context: Context) -> int:
    """Make the secrets that the stack's file lacks, and write the sheet to FILE, or print it.

    A secret that stands there is never changed.
    """
    section = context.settings.backup
    name = f"Pulumi.{context.stack}.yaml"
    if section is None:
        raise CommandError(
            f"{name} has no homeport:backup; add it with a repository, such as "
            "{repository: rest:https://backup.example.org/prod}, and type this again"
        )
    file = Path(context.given["file"]) if context.given["file"] else None
    if file and file.exists():
        raise CommandError(f"FILE is {str(file)!r}, which is there already; give another name")
    deployment(context)
    missing = section.missing(vault=context.settings.vault is not None)
    for key in missing:
        path = f"{PROJECT}:backup.{key}"
        if not set_config(context, path, _MAKE[key]()):
            raise CommandError(f"{path} couldn't be set in {name}")
    if missing:
        made = f"made {', '.join(missing)} of {PROJECT}:backup in {name}"
        print(f"{made}; commit that file", file=sys.stderr)
    vault = _section(context, "vault") if context.settings.vault else {}
    text = sheet(context.stack, _section(context, "backup"), vault)
    if file is None:
        print(text, end="")
        return 0
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"FILE is {str(file)!r}: {error.strerror}; give another") from error
    print(f"wrote {file}; print it, keep it away from the host, and delete the file")
    return 0


def sheet(stack: str, backup: Mapping[str, Any], vault: Mapping[str, Any]) -> str:
    """What opens the repository without anything else, and what the passphrase alone opens."""
    lines = [
        f"Backup of the stack {stack}",
        "",
        "What opens it, with restic:",
        f"  repository: {backup['repository']}",
        f"  password: {backup['password']}",
        *(f"  {name}: {value}" for name, value in sorted(backup.get("env", {}).items())),
    ]
    keys = [f"  {name}: {vault[name]}" for name in MADE if name in vault]
    if keys:
        lines += ["", "What opens the vault that is in it:", *keys]
    return "\n".join(lines) + "\n"


def _section(context: Context, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(secret(context, f"{PROJECT}:{name}"))
    return found
