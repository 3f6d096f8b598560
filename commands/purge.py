"""`purge`: deletes the data volumes that `down` kept."""

from __future__ import annotations

from commands.context import Context
from commands.error import CommandError


def run(context: Context) -> int:
    """List the data volumes that `down` left, ask, and delete them."""
    if context.containers():
        raise CommandError(
            f"stack {context.stack} still has containers; `{context.make('down')}` removes "
            "them first"
        )
    volumes = context.docker.volumes.list(filters={"label": context.label})
    if not volumes:
        print(f"stack {context.stack}: no data volume is left")
        return 0
    print(f"Data volumes of stack {context.stack}:")
    for volume in volumes:
        print(f"  {volume.name}")
    if not context.may_act("purging", always_ask=True):
        wanted = input("Type the stack's name to delete them for good: ")
        if wanted != context.stack:
            print("Nothing was deleted.")
            return 1
    for volume in volumes:
        volume.remove()
        print(f"deleted {volume.name}")
    return 0
