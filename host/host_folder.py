"""A folder of the Docker host that a site shows: never created, only looked for.

The provider class is stored in the state by reference, as `host.host_folder`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from typing import Any

import docker
import pulumi
from docker.types import Mount
from pulumi.dynamic import Resource

from host import engine
from host.apply_provider import ApplyProvider
from host.provider import Props
from host.user import USER

# Its exit code is the reason.
_LOOK = "[ -d /folder ] || exit 1; [ -r /folder ] && [ -x /folder ] || exit 2"
_WRONG = {
    1: "on the Docker host, that isn't a folder; name the folder that contains it",
    2: f"on the Docker host, user {USER}, who runs sites, can't read it; let others read and "
    "enter it (chmod o+rx), or name another folder",
}


class HostFolderProvider(ApplyProvider):
    """Checks; there is nothing to create."""

    named_after = "path"
    compared = ("docker_host", "path")

    def apply(self, props: Props) -> None:
        if found := problem(props):
            raise engine.EngineError(found)


class HostFolder(Resource, module="homeport", name="HostFolder"):
    """Fails where the host has no such folder, or one that a site can't read.

    A preview asks the same before it begins (`composition/host_problems.py`), where the host can
    answer.

    The folder itself is left alone. `shown_as` is the line of the person's file that names it.
    """

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        path: str,
        shown_as: str,
        image: str,
        labels: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "path": path,
            "shown_as": shown_as,
            "image": image,
            "labels": labels,
        }
        super().__init__(HostFolderProvider(), name, props, opts)


def problem(props: Props) -> str:
    """Why the folder can't be shown; empty where it can. The host must have the image."""
    wrong = _what_is_wrong(engine.connect(props["docker_host"]), props)
    return wrong and f"{props['shown_as']}: source.host_folder is {props['path']!r}: {wrong}"


def _what_is_wrong(client: docker.DockerClient, props: Props) -> str:
    mount = Mount("/folder", props["path"], type="bind", read_only=True)
    try:
        # A mount of this type fails where the folder is missing; `volumes` would create it.
        with engine.throwaway(
            client,
            props["image"],
            ["sh", "-c", _LOOK],
            user=f"{USER}:{USER}",
            mounts=[mount],
            labels=props["labels"],
        ) as container:
            code, _ = engine.run_to_end(container)
    except docker.errors.APIError as error:
        if "invalid mount config" not in str(error.explanation):
            raise
        return "the Docker host has no such folder; create it there, or name one that is there"
    return _WRONG.get(code, f"looking at it ends with exit code {code}") if code else ""
