"""A text that somebody pasted which is no site's file: what can be made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Told(Protocol):
    """What somebody is told of one line of the text."""

    @property
    def line(self) -> int:
        """Its number, from 1."""

    @property
    def text(self) -> str:
        """The sentence."""


class Imported(Protocol):
    """A site's file, made of a text of another kind."""

    @property
    def yaml(self) -> str:
        """The file."""

    @property
    def sentences(self) -> Sequence[Told]:
        """What found no place in it, and why."""


Import = Callable[[str], Imported]
"""Makes a site's file of a block of a Caddyfile."""
