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
        print(f"no snapshot is too old; kept: {kept}")
        return 0, heard
    # At once, so that what is said on standard error comes after it.
    print(table(("too old", "made (UTC)", "age", "size"), rows(old, datetime.now(UTC))), flush=True)
    if not agrees(f"Snapshots to remove for good: {len(old)}; to keep: {kept}."):
        print("Nothing was removed.")
        return 0, heard
    code, heard = ran("prune")
    if code and not heard.refused:
        return code, heard
    # To restic a server that refuses may be no failure, so the list is what counts.
    code, heard = ran("list")
    if left := _ids(heard.snapshots) & _ids(old):
        raise CommandError(
            f"still there: {', '.join(sorted(left))}, because the server removes nothing for this "
            "credential; set homeport:backup.prune_env to one that may delete"
        )
    if code == 0:
        print(f"snapshots removed: {len(old)}")
    return code, heard


def _ids(snapshots: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(snapshot["id"])[:8] for snapshot in snapshots}
