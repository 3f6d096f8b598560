"""The vault: what opens it, what it holds, and for whom."""

from __future__ import annotations

import pulumi

from components.vault.backup_role import BackupLogin
from components.vault.client import Reach
from components.vault.contents import Environment, Person
from components.vault.server_config import VaultKeys
from composition.people import accounts
from config.estate import Estate
from config.vault_section import VaultSection
from config.vault_values import known_values
from values.model import opened


def vault_keys(section: VaultSection) -> VaultKeys:
    """What the vault is opened with. Nothing is missing: the program would have stopped."""
    return VaultKeys(
        seal_key=opened(section.seal_key) or "",
        previous_seal_key=opened(section.previous_seal_key),
        role_id=opened(section.role_id) or "",
        secret_id=opened(section.secret_id) or "",
    )


def vault_reach(estate: Estate, section: VaultSection) -> Reach:
    """How the program reaches the vault."""
    return Reach(
        entrance=estate.entrance,
        host=estate.services["vault"].host,
        role_id=pulumi.Output.secret(opened(section.role_id) or ""),
        secret_id=pulumi.Output.secret(opened(section.secret_id) or ""),
    )


def login_of_the_backup(estate: Estate) -> BackupLogin | None:
    """What a backup with a schedule gets the vault's snapshot with."""
    section = estate.settings.daily_backup
    if not section or not estate.settings.vault:
        return None
    return BackupLogin(
        role_id=pulumi.Output.secret(opened(section.role_id) or ""),
        secret_id=pulumi.Output.secret(opened(section.secret_id) or ""),
    )


def what_the_vault_holds(estate: Estate) -> dict[str, Environment]:
    """Every environment, by service and name: `shop/prod`."""
    values = known_values(estate.in_vault, estate.settings, estate.names())
    keys: dict[str, dict[str, str]] = {path: {} for path in values}
    for each in estate.in_vault:
        keys[each.path][each.name] = each.key.words
    return {path: Environment(keys=keys[path], values=values[path]) for path in values}


def people_of_the_vault(estate: Estate) -> dict[str, Person]:
    """Who has an account there, by name."""
    paths = {each.path for each in estate.in_vault}
    hashes = accounts(estate.settings)
    return {
        name: Person(
            hash=hashes[name],
            readable=user.vault.readable(paths),
            writable=user.vault.writable(paths),
        )
        for name, user in estate.settings.users.items()
        if not user.vault.empty
    }
