"""`vault-reset`: empty the vault's storage, where its first start failed half-way."""

from __future__ import annotations

from docker.models.containers import Container

from commands.context import Context
from commands.error import CommandError
from commands.health import health, told_by_last_start
from components.vault.server_config import COMPONENT, DATA_AT, PORT, WHOLE
from components.vault.server_reason import failed_half_way
from host import engine

_ASK = f"wget -q -O - http://127.0.0.1:{PORT}/v1/{WHOLE} 2>&1"


def run(context: Context) -> int:
    """Empty it. Raises CommandError where the vault may hold anything."""
    container = _vault(context)
    if not _failed_half_way(container):
        raise CommandError(
            f"stack {context.stack}: the vault's first start was complete, so its storage may "
            "hold the only copy of something; nothing was changed. "
            f"`{context.make('logs NAME=vault')}` tells what is wrong with it"
        )
    container.stop()  # else it could begin anew in storage that is half empty
    volume = next(m["Name"] for m in container.attrs["Mounts"] if m["Destination"] == DATA_AT)
    with engine.throwaway(
        context.docker,
        container.attrs["Config"]["Image"],
        ["sh", "-c", f"cd {DATA_AT} && rm -rf -- * .[!.]*"],
        user=container.attrs["Config"]["User"],
        volumes={volume: DATA_AT},
        labels=container.labels,
    ) as emptying:
        code, output = engine.run_to_end(emptying)
    if code:
        raise CommandError(f"volume {volume} can't be emptied: {output}")
    print(f"emptied {volume}; `{context.make('up')}` lets the vault start anew")
    return 0


def _vault(context: Context) -> Container:
    for container in context.containers(component=COMPONENT):
        if engine.THROWAWAY not in container.labels:
            return container
    raise CommandError(
        f"stack {context.stack} has no vault that was started; `{context.make('up')}` starts it, "
        f"where homeport:vault stands in Pulumi.{context.stack}.yaml"
    )


def _failed_half_way(container: Container) -> bool:
    """Whether it said so when it was last started, or serves without what it makes last."""
    if told_by_last_start(container, failed_half_way):
        return True
    if health(container) != "healthy":
        return False
    said = engine.run_in(container, ["sh", "-c", _ASK]).said
    return " 403 " in said or " 404 " in said
