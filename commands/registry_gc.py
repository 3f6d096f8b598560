"""`registry-gc`: what no tag names leaves the image registry, while pulls go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import docker
import requests
from docker.models.containers import Container

from commands.at_work import end_in_order, wait_for
from commands.context import Context
from commands.error import CommandError
from commands.health import health
from commands.leftovers import backup_of, collector_of
from commands.registry_references import LIST, REPOSITORIES, parsed, unneeded
from commands.scheduled import held
from components.entrance import ROUTER
from components.gateway.routes_caddyfile import CLOSED
from components.registry.config import CONFIG, CONFIG_AT, DATA_AT, IMAGES
from host import engine
from host.user import USER

_PATIENCE = 60  # seconds for the registry to serve again
_MOST_WAIT = 180  # seconds, more than a restart takes
_ENDED = "ended with "
_CLOSED = f"$XDG_DATA_HOME/{CLOSED}"

# What runs in a container of its own, on the registry's volumes. It begins once it is told what to
# remove, and stays until it is stopped, so that its name keeps a second one out; where nobody is
# left to do either, it ends by itself.
#
# Removing the folder of a tag or a manifest is what distribution does itself when asked to delete
# one; asking would need somebody's password. What tags named before stands below them.
COLLECT = f"""\
for _ in $(seq {_MOST_WAIT}); do [ -e /tmp/begin ] && break; sleep 1; done
[ -e /tmp/begin ] || exit 1
size() {{ du -sk {DATA_AT} | cut -f 1; }}
(
    cd {REPOSITORIES} 2>/dev/null || exit 0  # nothing was ever pushed
    before=$(size)
    while read -r folder; do
        index="index/sha256/${{folder##*/}}"
        rm -rf "./${{folder:?}}" "./${{folder%/revisions/*}}/tags/"*"/$index" || exit
    done </tmp/begin
    export REGISTRY_LOG_LEVEL=error
    registry garbage-collect --quiet {CONFIG} && echo "$before $(size)"
) 2>&1
printf '\\n%s\\n' "{_ENDED}$?"  # what went before may lack its line end
sleep {_MOST_WAIT}
"""
TELL = """printf '%s\\n' "$@" >>/tmp/remove"""
BEGIN = "touch /tmp/remove && mv /tmp/remove /tmp/begin"
_AT_ONCE = 1000  # folders in one command


def run(context: Context) -> int:
    """Keep pushes out, let those under way end, remove, let pushes in again; say what was freed."""
    keep = context.given["keep"]
    if keep and not (keep.isdecimal() and int(keep)):
        raise CommandError(f"KEEP is {keep!r}: must be a number of tags, 1 or more")
    if context.settings.registry is None:
        raise CommandError(
            f"stack {context.stack} has no image registry; `homeport:registry: {{}}` in "
            f"Pulumi.{context.stack}.yaml turns it on"
        )
    end_in_order()  # so that pushes are let in again
    try:
        sizes = _collected(context, int(keep) if keep else None)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(f"the registry's container or the gateway's: {error}") from error
    before, after = (int(kib) / 1024 for kib in sizes.split())
    print(f"freed {before - after:.1f} MiB: {before:.1f} MiB before, {after:.1f} MiB now")
    return 0


def _collected(context: Context, keep: int | None) -> str:
    for component in (ROUTER, IMAGES):
        if (how := health(_container(context, component))) != "healthy":
            raise CommandError(
                f"stack {context.stack}: {component} is {how}; `{context.make('up')}` mends it"
            )
    registry = _container(context, IMAGES)
    wait_for(context, backup_of(context), "backup")
    with held(context), _collector(context, registry) as collector:
        if context.find(backup_of(context)):
            raise CommandError(
                f"`{context.make('backup')}` began meanwhile, so nothing was removed; try again"
            )
        try:
            # From here the gateway answers who would push, until the file is gone again.
            _in_router(context, f"mkdir -p {_CLOSED} && touch {_CLOSED}/{IMAGES}")
            with _step("Waiting for uploads to end"):
                _restart(registry)
            with _step("Removing what no tag names"):
                _begin(collector, keep)
                sizes = _ended(collector)
            with _step("Restarting the registry"):  # so that it remembers nothing that is gone
                _restart(registry)
        finally:
            _open(context, collector)
    return sizes


def _container(context: Context, component: str) -> Container:
    for container in context.containers(component=component):
        if engine.THROWAWAY not in container.labels:
            return container
    raise CommandError(
        f"stack {context.stack} runs no {component}; `{context.make('up')}` starts it"
    )


@contextmanager
def _collector(context: Context, registry: Container) -> Iterator[Container]:
    """The container that removes, waiting to begin. Its name keeps a second one out."""
    name = collector_of(context)
    with suppress(docker.errors.NotFound):
        earlier = context.docker.containers.get(name)
        if earlier.status == "running":
            raise CommandError(
                f"another registry-gc is at work in container {name}, which ends by itself; try "
                "again then"
            )
        earlier.remove(force=True, v=True)
    volumes = {m["Destination"]: m["Name"] for m in registry.attrs["Mounts"] if "Name" in m}
    with engine.throwaway(
        context.docker,
        registry.attrs["Config"]["Image"],
        ["sh", "-c", COLLECT],
        name=name,
        user=f"{USER}:{USER}",
        volumes={volumes[at]: at for at in (DATA_AT, CONFIG_AT)},
        labels={key: registry.labels[key] for key in ("homeport.stack", "homeport.component")},
    ) as collector:
        collector.start()
        yield collector


def _begin(collector: Container, keep: int | None) -> None:
    """Have it remove what nobody needs; says which tags go."""
    stored = parsed(_run_in(collector, LIST))
    tags, manifests = unneeded(stored, keep)
    for tag in tags:
        print(f"removing {tag.repository}:{tag.name}")
    folders = [tag.path for tag in tags] + [manifest.path for manifest in manifests]
    for at in range(0, len(folders), _AT_ONCE):
        _run_in(collector, TELL, *folders[at : at + _AT_ONCE])
    _run_in(collector, BEGIN)


def _in_router(context: Context, script: str) -> None:
    _run_in(_container(context, ROUTER), script)


def _run_in(container: Container, script: str, *arguments: str) -> str:
    """What a shell script prints in a container. Raises CommandError where it fails."""
    ran = engine.run_in(container, ["sh", "-c", script, "sh", *arguments])
    if ran.code:
        raise CommandError(f"container {container.name}: {ran.said[-500:]}")
    return ran.output.decode(errors="replace")


def _open(context: Context, collector: Container) -> None:
    """Let pushes in, once nothing removes: a push beside it could lose layers."""
    try:
        with suppress(docker.errors.NotFound):
            collector.stop(timeout=0)
        _in_router(context, f"rm -f {_CLOSED}/{IMAGES}")
    except (CommandError, docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(
            f"pushes are still refused, because the gateway couldn't be told: {error}; "
            f"`{context.make('registry-gc')}` once more lets them in"
        ) from error


def _restart(registry: Container) -> None:
    """Ends what it serves first, up to its `draintimeout`; the gateway lets new requests wait."""
    registry.restart(timeout=30)
    start = time.monotonic()
    while time.monotonic() - start < _PATIENCE:
        registry.reload()
        if health(registry) == "healthy":
            return
        time.sleep(0.2)
    raise CommandError(f"the registry is {health(registry)}, {_PATIENCE} s after its restart")


def _ended(collector: Container) -> str:
    """How much there was before and after, however long it took. Raises CommandError where it
    failed.
    """
    while True:
        collector.reload()
        said = collector.logs().decode(errors="replace").splitlines()
        *lines, last = [line for line in said if line] or [""]
        if last == f"{_ENDED}0":
            return lines[-1] if lines else "0 0"
        if last.startswith(_ENDED) or collector.status != "running":
            raise CommandError("\n".join(["what no tag names couldn't be removed:", *lines, last]))
        time.sleep(0.2)


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Says that a step begins, and how long it took."""
    start = time.monotonic()
    print(f"{what}…", flush=True)
    yield
    print(f"{what}: done in {time.monotonic() - start:.0f} s", flush=True)
