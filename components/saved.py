"""What a backup saves: plain data that components offer beside their routes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The volume of a component, and how it is read while everything runs."""

    volume: str
    """The end of its name: what `data_volume` is given."""
    component: str
    """Whose it is, by its label."""
    without: tuple[str, ...] = ()
    """What isn't saved of it, as paths below its top that may have stars (restic's patterns)."""
    first: str = ""
    """A folder of it that is copied before anything else is read. So what its files name, which is
    written before they are, is in the backup as well."""
    without_names: tuple[str, ...] = ()
    """Files and folders that aren't copied of that folder, by name."""
    settled: int = 0
    """Seconds since a file must have changed last: a younger one may still be written."""
