"""Generated files in a named volume: validated, swapped in whole, reloaded, watched for drift.

The provider class is stored in the state by reference, as `host.volume_files`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from host import engine, file_tree, shared_folders
from host.files import Files
from host.provider import Props, Provider, ToldError, gone
from host.volume_files_drift import drift
from host.volume_files_write import remove, validate, write

_COMPARED = (
    "docker_host",
    "volume",
    "mount",
    "folder",
    "files",
    "secret_files",
    "folders",
    "owner",
)
_VALIDATED_BY = ("mount", "files", "secret_files", "folders", "owner", "image", "validate")
_said_missing: set[str] = set()


class VolumeFilesProvider(Provider):
    """Create, read, update of `VolumeFiles`. Deleting is the volume's matter, unless they stand in
    a folder of a volume that others write to as well.
    """

    def check(self, olds: Props, news: Props) -> CheckResult:
        if _has_unknown(news) or all(olds.get(key) == news.get(key) for key in _VALIDATED_BY):
            return CheckResult(news, [])
        if not engine.reachable(news["docker_host"]):
            return CheckResult(news, [])  # the provider of the containers tells why, once
        client = engine.connect(news["docker_host"])
        if not engine.has_image(client, news["image"]):
            if news["validate"] and news["image"] not in _said_missing:
                _said_missing.add(news["image"])
                print(
                    f"{news['image']} isn't on the host yet: its files are validated by `up`, "
                    "before they are written",
                    file=sys.stderr,
                )
            return CheckResult(news, [])
        problem = validate(client, news)
        # A failure that names a property makes the engine print that property, secrets included.
        return CheckResult(news, [CheckFailure("", problem)] if problem else [])

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        changed = [key for key in _COMPARED if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key in ("volume", "mount", "folder")]
        return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        name = str(PurePosixPath(props["volume"], props.get("folder", "")))
        return CreateResult(name, outs=_written(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(outs=_written(news))

    def delete(self, _id: str, props: Props) -> None:
        if props.get("folder"):
            remove(props)
            shared_folders.forget()

    def read(self, id_: str, props: Props) -> ReadResult:
        if _is_as_written(props):
            return ReadResult(id_, props)
        client = engine.connect(props["docker_host"])
        if not engine.has_volume(client, props["volume"]):
            return gone()
        if not engine.has_image(client, props["image"]):
            return ReadResult(id_, props)
        return ReadResult(id_, {**props, **drift(client, props)})


def _written(props: Props) -> Props:
    outs = write(props)
    shared_folders.forget()
    return outs


def _is_as_written(props: Props) -> bool:
    """Whether one look at all folders of a shared volume shows it; if not, it is read by itself."""
    if not props.get("folder"):
        return False
    folder = shared_folders.seen(props["docker_host"], props["volume"], props["folder"])
    return folder is not None and folder.digest == props["digest"]


@dataclass(frozen=True, kw_only=True)
class VolumeFilesArgs:
    """The files, and the volume that they are written into."""

    docker_host: str
    volume: pulumi.Input[str]
    mount: str
    """Where the service mounts the volume: candidates are validated at the same path."""
    folder: str = ""
    """The folder of the volume that holds the files, if the volume is shared: nothing outside it is
    read or changed. The files belong to the owner of the files, and are removed with the resource.
    """
    image: str
    """The service's image: it validates, and has the `sh`, `ln` and `mv` that switch."""
    files: Files
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the throw-away containers."""


class VolumeFiles(Resource, module="homeport", name="VolumeFiles"):
    """Files in an existing volume; the volume's owner removes the volume.

    In a `folder` of a volume that others also write to, a marker names the owner of the content. If
    it names somebody else, removing the resource removes nothing.

    Preview validates a change if host and image exist. An update writes the new files beside the
    old ones, switches at once, and reloads the service. If the service refuses, the old files are
    put back and the update fails. `pulumi refresh` shows changes made by hand.
    """

    provider_class: ClassVar[type[ResourceProvider]] = VolumeFilesProvider
    digest: pulumi.Output[str]

    def __init__(
        self, name: str, args: VolumeFilesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        files = args.files
        props: dict[str, Any] = {
            "docker_host": args.docker_host,
            "volume": args.volume,
            "mount": args.mount,
            "image": args.image,
            "files": dict(files.public),
            "secret_files": {
                path: pulumi.Output.secret(text) for path, text in files.secret.items()
            },
            "folders": {prefix: _folder(folder) for prefix, folder in files.folders.items()},
            "owner": files.owner,
            "validate": list(files.validate),
            "reason": files.reason,
            "shown_as": files.shown_as,
            "reload": list(files.reload),
            "labels": dict(args.labels),
            "digest": None,
        }
        if args.folder:  # stacks that were made before have no such property
            props["folder"] = args.folder
        super().__init__(self.provider_class(), name, props, opts)


@functools.cache
def folder_digest(folder: Path) -> str:
    """The digest of what stands in a folder, read once. Raises ToldError."""
    try:
        return file_tree.digest(file_tree.read_folder(folder))
    except (OSError, ValueError) as error:
        raise ToldError(f"{folder} can't be served: {error}") from error


def _folder(folder: Path) -> Props:
    try:
        digest = folder_digest(folder)
    except ToldError as error:
        raise pulumi.RunError(str(error)) from error
    return {"path": folder.as_posix(), "digest": digest}


def _has_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for key, item in value.items() if key != "volume")
    if isinstance(value, list):
        return any(_has_unknown(item) for item in value)
    return isinstance(value, pulumi.output.Unknown)
