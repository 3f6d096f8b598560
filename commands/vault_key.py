"""`vault-key`: the secrets that the vault is opened with, made where they are missing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import deployment, set_config
from config.settings import PROJECT
from config.vault_section import MADE

_MAKE: Mapping[str, Callable[[], str]] = {
    "seal_key": lambda: secrets.token_hex(32),
    "role_id": lambda: secrets.token_hex(16),
    "secret_id": lambda: secrets.token_hex(32),
}


def run(context: Context) -> int:
    """Set each secret that the stack's file hasn't. One that stands there is never changed."""
    section = context.settings.vault
    missing = section.missing if section else list(MADE)
    deployment(context)
    name = f"Pulumi.{context.stack}.yaml"
    for key in missing:
        path = f"{PROJECT}:vault.{key}"
        if not set_config(context, path, _MAKE[key]()):
            raise CommandError(f"{path} couldn't be set in {name}")
    if not missing:
        print(f"{name} already has every secret that opens the vault")
        return 0
    print(
        f"made {', '.join(missing)} of {PROJECT}:vault in {name}; commit that file, and keep its "
        "passphrase: without them nobody opens the vault again"
    )
    return 0
