"""What the pages show of sites."""

from __future__ import annotations

from dataclasses import dataclass

from console.repository import Commit


@dataclass(frozen=True, kw_only=True)
class Row:
    """One site."""

    name: str
    urls: tuple[str, ...] = ()
    served: str = ""
    """What answers, in words."""
    content: str = ""
    """Where its content comes from."""
    component: str = ""
    """Whose container serves it; "" if another server does."""
    commit: Commit | None = None
    """The last one of its file."""
    there: bool = True
    """Whether it has a file."""
    edited: bool = False
    """Whether its file differs from that commit."""
    waiting: str = ""
    """How its file differs from what was put live last; "" where it doesn't, or nobody knows."""


@dataclass(frozen=True)
class Overview:
    """All sites of a stack."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    """What is wrong with the files: one sentence each, as the commands tell it."""
    not_pushed: int | None
    """Commits that the branch's upstream hasn't; None without an upstream."""


@dataclass(frozen=True)
class Answered:
    """What one URL of a site answers."""

    url: str
    text: str
    """In a word or two."""
    is_well: bool
    certificate: str
    """How long its certificate lasts, in words; "" where it has none."""
