"""What stands against a restore, and what it will do, as a person reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands.backup_words import Heard, mib

_SHOWN = 10  # snapshots, and files that couldn't be restored
_SPARE = 1.05  # of what files take: their names and folders


@dataclass(frozen=True, kw_only=True)
class Found:
    """A snapshot, and the disks that it is to be restored to."""

    snapshot: Mapping[str, Any]
    sizes: Mapping[str, int]
    """Bytes by source; "" is what isn't in a volume."""
    disks: Mapping[str, Mapping[str, Any]]
    """By source: which disk, what is free there, and whether the source has data."""

    @property
    def name(self) -> str:
        """How the snapshot is listed."""
        return str(self.snapshot["id"])[:8]

    def filled(self) -> list[str]:
        """The sources that have data."""
        return sorted(name for name, disk in self.disks.items() if disk["filled"])

    def lacking(self, names: Collection[str]) -> str:
        """What is missing on a disk for all sources that are named so; empty where it has room."""
        needed: dict[int, int] = defaultdict(int)
        free: dict[int, int] = {}
        for name in ("", *names):
            disk = self.disks[name]
            needed[disk["id"]] += int(self.sizes.get(name, 0) * _SPARE)
            free[disk["id"]] = disk["free"]
        for which, size in needed.items():
            if size > free[which]:
                return f"{mib(size)} are needed, and {mib(free[which])} are free"
        return ""

    @property
    def made(self) -> str:
        """When it was made, to the minute."""
        return f"{datetime.fromisoformat(self.snapshot['time']):%Y-%m-%d %H:%M}"

    def shown(self) -> str:
        """Which snapshot it is, and how much."""
        return f"snapshot {self.name} of {self.made}, {mib(sum(self.sizes.values()))}"


def unknown(wanted: str, snapshots: Sequence[Mapping[str, Any]], *, backup: str) -> str:
    """Why no snapshot was found."""
    if not snapshots:
        return f"the repository has no snapshot of this stack; `{backup}` makes one"
    newest = sorted(snapshots, key=lambda each: str(each["time"]), reverse=True)
    names = ", ".join(str(each["id"])[:8] for each in newest[:_SHOWN])
    return f"SNAPSHOT is {wanted!r}, and there is no such snapshot; the newest are {names}"


def differences(found: Iterable[str], declared: Iterable[str], *, file: str) -> list[str]:
    """A line for each source that only one side has."""
    there, wanted = set(found), set(declared)
    return [
        *(f"not restored: {name}, of which {file} says nothing" for name in sorted(there - wanted)),
        *(f"not in the snapshot, so it begins empty: {name}" for name in sorted(wanted - there)),
    ]


def failed(heard: Heard, *, again: str) -> str:
    """Why data wasn't restored whole, once the repository could be opened."""
    lines = [f"  {line}" for line in heard.unread[:_SHOWN]]
    more = len(heard.unread) - _SHOWN
    lines += [f"  and {more} more"] if more > 0 else []
    why = "\n".join([":", *lines]) if lines else f": {heard.last or 'restic says no more'}"
    return f"the data wasn't restored whole; `{again}` goes on with it{why}"
