"""A restore's own volume, which says until the end that the stack's data isn't whole, and what
stands against a restore.
"""

from __future__ import annotations

from collections.abc import Sequence

import docker
from docker.types import Mount

from commands.context import Context
from commands.error import CommandError
from commands.restore_words import Found
from components.saved import Saved
from host import engine, host_image

_COMPONENT = "backup"
_SNAPSHOT = "homeport.snapshot"
"""Label of the restore's own volume: the id of the snapshot."""


def begun(context: Context) -> str:
    """The id of the snapshot of which a restore began and didn't end; "" where none did."""
    try:
        found = context.docker.volumes.get(_volume(context))
    except docker.errors.NotFound:
        return ""
    return str((found.attrs["Labels"] or {}).get(_SNAPSHOT, ""))


def _volume(context: Context) -> str:
    return context.volume("restore")


def refuse(context: Context) -> None:
    """Raise CommandError where the stack has half of a restore's data."""
    if snapshot := begun(context):
        raise CommandError(
            f"stack {context.stack} has half of snapshot {snapshot[:8]}; nothing was changed. "
            f"`{context.make('restore')}` goes on with it. {_giving_up(context)} it up"
        )


def refuse_another(context: Context, wanted: str) -> None:
    """Raise CommandError where a restore of another snapshot than the one `wanted` isn't whole."""
    if not (snapshot := begun(context)).startswith(wanted) and snapshot:
        raise CommandError(
            f"SNAPSHOT is {wanted!r}, and the stack has half of snapshot {snapshot[:8]}; "
            f"`{context.make('restore')}` goes on with that. {_giving_up(context)} it up"
        )


def _giving_up(context: Context) -> str:
    return f"`{context.make('down')}` and `{context.make('purge')}` give"


def refuse_containers(context: Context) -> None:
    """Raise CommandError where containers of the stack are there. What a killed command left isn't
    of the stack.
    """
    there = [each for each in context.containers() if engine.THROWAWAY not in each.labels]
    if names := [str(each.name) for each in there]:
        raise CommandError(
            f"stack {context.stack} has containers: {', '.join(names)}. Nothing was changed. A "
            f"restore needs a host without the stack: `{context.make('down')}` takes it down, and "
            f"`{context.make('purge')}` deletes its data"
        )


def refuse_disks(context: Context, found: Found, wanted: Sequence[str], *others: str) -> None:
    """Raise CommandError where a volume that is `wanted`, or one of `others`, has data, or where a
    disk has no room.
    """
    if filled := [context.volume(name) for name in found.filled() if name in [*wanted, *others]]:
        raise CommandError(
            f"stack {context.stack} has data in {', '.join(filled)}. Nothing was changed. "
            f"`{context.make('purge')}` deletes it; a restore needs empty volumes"
        )
    if lacking := found.lacking(wanted):
        raise CommandError(
            f"{found.shown()}: {lacking} on a disk of {context.settings.docker_host}. Nothing was "
            "changed; make room there"
        )


def volumes(
    context: Context, snapshot: str, wanted: Sequence[Saved], *, at: str, copies_at: str
) -> list[Mount]:
    """Mounts of all that a restore writes. What isn't there is made as the stack declares it."""
    client, labels = context.docker, context.labels(_COMPONENT)
    # First the one that says that the others aren't whole.
    client.volumes.create(_volume(context), labels={**labels, _SNAPSHOT: snapshot})
    mounts = [Mount(copies_at, _volume(context))]
    for one in wanted:
        volume = context.volume(one.volume)
        if not engine.has_volume(client, volume):
            labels = context.labels(one.component)
            client.volumes.create(volume, labels=labels)
        mounts.append(Mount(f"{at}/{one.volume}", volume))
    return mounts


def read(context: Context, path: str) -> bytes:
    """A file of the restore's own volume; empty where it isn't there."""
    image = context.estate.images.backup
    host_image.bring(context.settings.docker_host, image)
    labels = context.labels(_COMPONENT)
    at = {_volume(context): "/volume"}
    with engine.throwaway(context.docker, image, ["true"], volumes=at, labels=labels) as container:
        try:
            return next(content for _, content in engine.unpack(container, f"/volume/{path}"))
        except docker.errors.NotFound:
            return b""


def end(context: Context) -> None:
    """Forget that there was a restore."""
    context.docker.volumes.get(_volume(context)).remove()
