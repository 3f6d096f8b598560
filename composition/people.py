"""People: who has a password, and who may write."""

from __future__ import annotations

from config.settings import Settings
from values.model import opened


def accounts(settings: Settings) -> dict[str, str]:
    """Everybody's hash of a password, by name. None is missing: the program would have stopped."""
    return {name: opened(user.hash) or "" for name, user in settings.users.items()}


def writers(settings: Settings) -> frozenset[str]:
    """Who may change what the registries hold."""
    return frozenset(name for name, user in settings.users.items() if user.registry == "write")
