"""People: who has a password, and who may write."""

from __future__ import annotations

from config.settings import Settings


def accounts(settings: Settings) -> dict[str, str]:
    """Everybody's hash of a password, by name."""
    return {name: user.hash.get_secret_value() for name, user in settings.users.items()}


def writers(settings: Settings) -> frozenset[str]:
    """Who may change what the registries hold."""
    return frozenset(name for name, user in settings.users.items() if user.registry == "write")
