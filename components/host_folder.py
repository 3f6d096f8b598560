"""A folder of the Docker host that a site shows: never created, only looked for.

The provider class is stored in the state by reference, as `components.host_folder`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from typing import Any

import docker
import pulumi
from docker.types import Mount
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource, ResourceProvider

from components import engine

Props = dict[str, Any]  # what the engine sends and stores: JSON values by name


class HostFolderProvider(ResourceProvider):
    """Checks; there is nothing to create."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

    def check(self, _olds: Props, news: Props) -> CheckResult:
        problem = _problem(news)
        return CheckResult(news, [CheckFailure("", problem)] if problem else [])

    def create(self, props: Props) -> CreateResult:
        if problem := _problem(props):
            raise engine.EngineError(problem)
        return CreateResult(props["path"], outs=props)


class HostFolder(Resource, module="homeport", name="HostFolder"):
    """Stops in preview where the host has no such folder. The folder itself is left alone.

    `shown_as` is the file that names the folder.
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


def _problem(props: Props) -> str:
    """Why the folder can't be shown; empty where it can, or where the host can't be asked yet."""
    if not engine.reachable(props["docker_host"]):
        return ""
    client = engine.connect(props["docker_host"])
    if not engine.has_image(client, props["image"]):
        return ""
    mount = Mount("/folder", props["path"], type="bind", read_only=True)
    try:
        # A mount of this type fails where the folder is missing; `volumes` would create it.
        with engine.throwaway(
            client, props["image"], ["true"], mounts=[mount], labels=props["labels"]
        ):
            return ""
    except docker.errors.APIError as error:
        if "does not exist" not in str(error.explanation):
            raise
        return (
            f"{props['shown_as']}: source.host_folder is {props['path']!r}: the Docker host has no "
            "such folder; create it there, or name one that is there"
        )
