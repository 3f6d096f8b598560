"""Which snapshots are too old, and their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from commands.backup_words import Heard, rows
from commands.error import CommandError
from commands.table import table

Ran = Callable[[str], tuple[int, Heard]]
"""Has the image's program run a command: restic's exit code, and what it said."""


def remove_old(ran: Ran, agrees: Callable[[str], bool]) -> tuple[int, Heard]:
    """Show what is too old, and remove it if whoever is asked agrees.

    restic's exit code, and what the last run said. Raises CommandError if they are still there.
    """
    code, heard = ran("forget")
    if code:
        return code, heard
    old = [snapshot for group in heard.snapshots for snapshot in group.get("remove") or ()]
    kept = sum(len(group.get("keep") or ()) for group in heard.snapshots)
    if not old:
        print(f"no snapshot is too old; {kept} are kept")
        return 0, heard
    print(table(("too old", "made (UTC)", "age", "size"), rows(old, datetime.now(UTC))))
    if not agrees(f"That removes {len(old)} snapshots for good; {kept} are kept."):
        print("Nothing was removed.")
        return 0, heard
    code, heard = ran("prune")
    if code:
        return code, heard
    # A server that refuses is no failure to restic, so the list is what counts.
    code, heard = ran("list")
    left = _ids(heard.snapshots) & _ids(old)
    if left:
        raise CommandError(
            f"{len(left)} of them are still there, because the server removes nothing for this "
            "credential; set homeport:backup.prune_env to one that may delete"
        )
    if code == 0:
        print(f"removed {len(old)} snapshots")
    return code, heard


def _ids(snapshots: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(snapshot["id"]) for snapshot in snapshots}
