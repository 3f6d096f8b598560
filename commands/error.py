"""How a command ends that can't do what it was told."""

from __future__ import annotations


class CommandError(Exception):
    """Told to the person in one sentence."""
