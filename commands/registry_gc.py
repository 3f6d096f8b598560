"""`registry-gc`: what no tag names leaves the image registry, while pulls go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import docker
import requests
from docker.models.containers import Container

from commands.context import Context
from commands.error import CommandError
from commands.health import health
from commands.leftovers import collector_of
from components.entrance import ROUTER
from components.gateway.routes_caddyfile import CLOSED
from components.registry.config import CONFIG, CONFIG_AT, DATA_AT, IMAGES
from host import engine
from host.user import USER

_PATIENCE = 60  # seconds for the registry to serve again
_MOST_WAIT = 180  # seconds, more than a restart takes
_ENDED = "ended with "
_CLOSED = f"$XDG_DATA_HOME/{CLOSED}"

# What runs in a container of its own, on the registry's volumes. It begins once it is told that
# uploads have ended, and stays until it is stopped, so that its name keeps a second one out; where
# nobody is left to do either, it ends by itself.
#
# A tag is a folder, and removing that folder is what distribution does itself when asked to delete
# one; asking would need somebody's password. Newest is what was pushed last: an image can say of
# itself that it was made in 1970. Images that a tagged list of images names stay.
COLLECT = f"""\
for _ in $(seq {_MOST_WAIT}); do [ -e /tmp/begin ] && break; sleep 1; done
[ -e /tmp/begin ] || exit 1
size() {{ du -sk {DATA_AT} | cut -f 1; }}
(
    cd {DATA_AT}/docker/registry/v2/repositories 2>/dev/null || exit 0  # nothing was ever pushed
    before=$(size)
    if [ "$1" ]; then
        find . -type d -path '*/_manifests/tags' | sort | while read -r tags; do
            repository=${{tags#./}} repository=${{repository%/_manifests/tags}}
            (cd "$tags" && stat -c '%y %n' -- */current/link 2>/dev/null) |
                sort -r | tail -n "+$(($1 + 1))" | while read -r _ _ _ link; do
                    tag=${{link%/current/link}}
                    rm -r "${{tags:?}}/$tag" && echo "removed $repository:$tag"
                done
        done
    fi
    export REGISTRY_LOG_LEVEL=error
    registry garbage-collect --delete-untagged --quiet {CONFIG} && echo "$before $(size)"
) 2>&1
printf '\\n%s\\n' "{_ENDED}$?"  # what went before may lack its line end
sleep {_MOST_WAIT}
"""


def run(context: Context) -> int:
    """Keep pushes out, let those under way end, remove, let pushes in again; say what was freed."""
    keep = context.given["keep"]
    if keep and not (keep.isdecimal() and int(keep)):
        raise CommandError(f"KEEP is {keep!r}: must be a number of tags, 1 or more")
    keep = keep and str(int(keep))  # the shell would take 010 for 8
    if context.settings.registry is None:
        raise CommandError(
            f"stack {context.stack} has no image registry; `homeport:registry: {{}}` in "
            f"Pulumi.{context.stack}.yaml turns it on"
        )
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C, so that pushes are let in again
        signal.signal(ending, signal.default_int_handler)
    try:
        said = _collected(context, keep)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise CommandError(f"the registry's container or the gateway's: {error}") from error
    *removed, sizes = said or ["0 0"]
    for line in removed:
        print(line)
    before, after = (int(kib) / 1024 for kib in sizes.split())
    print(f"freed {before - after:.1f} MiB: {before:.1f} MiB before, {after:.1f} MiB now")
    return 0


def _collected(context: Context, keep: str) -> list[str]:
    for component in (ROUTER, IMAGES):
        if (how := health(_container(context, component))) != "healthy":
            raise CommandError(
                f"stack {context.stack}: {component} is {how}; `{context.make('up')}` mends it"
            )
    registry = _container(context, IMAGES)
    with _collector(context, registry, keep) as collector:
        try:
            # From here the gateway answers who would push, until the file is gone again.
            _in_router(context, f"mkdir -p {_CLOSED} && touch {_CLOSED}/{IMAGES}")
            with _step("Waiting for uploads to end"):
                _restart(registry)
            with _step("Removing what no tag names"):
                collector.exec_run(["touch", "/tmp/begin"])  # noqa: S108 - in the container
                said = _ended(collector)
            with _step("Restarting the registry"):  # so that it remembers nothing that is gone
                _restart(registry)
        finally:
            _open(context, collector)
    return said


def _container(context: Context, component: str) -> Container:
    for container in context.containers(component=component):
        if engine.THROWAWAY not in container.labels:
            return container
    raise CommandError(
        f"stack {context.stack} runs no {component}; `{context.make('up')}` starts it"
    )


@contextmanager
def _collector(context: Context, registry: Container, keep: str) -> Iterator[Container]:
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
        ["sh", "-c", COLLECT, "sh", keep],
        name=name,
        user=f"{USER}:{USER}",
        volumes={volumes[at]: at for at in (DATA_AT, CONFIG_AT)},
        labels={key: registry.labels[key] for key in ("homeport.stack", "homeport.component")},
    ) as collector:
        collector.start()
        yield collector


def _in_router(context: Context, script: str) -> None:
    code, output = _container(context, ROUTER).exec_run(["sh", "-c", script])
    if code:
        said = cast("bytes", output).decode(errors="replace").strip()
        raise CommandError(f"the gateway's router: {said}")


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


def _ended(collector: Container) -> list[str]:
    """The lines that it printed, however long it took. Raises CommandError where it failed."""
    while True:
        collector.reload()
        said = collector.logs().decode(errors="replace").splitlines()
        *lines, last = [line for line in said if line] or [""]
        if last == f"{_ENDED}0":
            return lines
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
