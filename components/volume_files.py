"""Generated files in a named volume: validated, swapped in whole, reloaded, watched for drift.

The provider class is stored in the state by reference, as `components.volume_files`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import docker
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

from components import engine, file_tree
from components.file_tree import Entry

Props = dict[str, Any]  # what the engine sends and stores: JSON values by name

_COMPARED = ("docker_host", "volume", "mount", "files", "secret_files", "folders", "owner")
_VALIDATED_BY = ("mount", "files", "secret_files", "folders", "owner", "image", "validate")
_CURRENT = "current"
_RELEASES = "releases"

# Written by `check` for `create` and `update` of the same run, which share this process.
_already_validated: set[str] = set()
_said_missing: set[str] = set()


class VolumeFilesProvider(ResourceProvider):
    """Create, read, update of `VolumeFiles`. Deleting is the volume's matter."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

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
        problem = _validate(client, news)
        # A failure that names a property makes the engine print that property, secrets included.
        return CheckResult(news, [CheckFailure("", problem)] if problem else [])

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        changed = [key for key in _COMPARED if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key in ("docker_host", "volume", "mount")]
        return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["volume"], outs=_write(props))

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(outs=_write(news))

    def read(self, id_: str, props: Props) -> ReadResult:
        client = engine.connect(props["docker_host"])
        try:
            # Asked first: a container with a volume that is missing would create it.
            client.volumes.get(props["volume"])
        except docker.errors.NotFound:
            return ReadResult("", {})
        if not engine.has_image(client, props["image"]):
            return ReadResult(id_, props)
        tree = _current_tree(client, props)
        if file_tree.digest(tree) == props["digest"]:
            return ReadResult(id_, props)
        return ReadResult(id_, {**props, **_drift(props, tree)})


@dataclass(frozen=True, kw_only=True)
class VolumeFilesArgs:
    """What stands in the volume, below `current/`, and what is done around a change."""

    docker_host: str
    volume: pulumi.Input[str]
    mount: str
    """Where the service mounts the volume: candidates are validated at the same path."""
    image: str
    """The service's image: it validates, and has the `sh`, `ln` and `mv` that switch."""
    files: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Read by `owner` alone. Each is an entry of its own, so it stays encrypted in the state."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Folders of this machine by where they go (`""` is the top), read when they are written."""
    owner: int = 0
    """User id that secret files belong to."""
    validate: Sequence[str] = ()
    """Command that fails on a bad candidate. It sees the files where the service would."""
    reload: Sequence[str] = ()
    """Command run in every running container of `image` that mounts the volume."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the throw-away containers."""


class VolumeFiles(Resource, module="homeport", name="VolumeFiles"):
    """Files in a volume that exists already; removing the volume is left to its owner.

    A change is validated in preview where host and image exist, written beside the old
    files, switched in at once, and the service reloads. If it refuses, the old files are
    put back and the update fails. `pulumi refresh` shows what was changed by hand.
    """

    provider_class: ClassVar[type[ResourceProvider]] = VolumeFilesProvider
    digest: pulumi.Output[str]

    def __init__(
        self, name: str, args: VolumeFilesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": args.docker_host,
            "volume": args.volume,
            "mount": args.mount,
            "image": args.image,
            "files": dict(args.files),
            "secret_files": dict(args.secret_files),
            "folders": {prefix: _folder(folder) for prefix, folder in args.folders.items()},
            "owner": args.owner,
            "validate": list(args.validate),
            "reload": list(args.reload),
            "labels": dict(args.labels),
            "digest": None,
        }
        super().__init__(self.provider_class(), name, props, opts)


def _folder(folder: Path) -> Props:
    try:
        tree = file_tree.read_folder(folder)
    except (OSError, ValueError) as error:
        raise pulumi.RunError(f"{folder}: {error}; it can't be served") from error
    return {"path": folder.as_posix(), "digest": file_tree.digest(tree)}


def _tree(props: Props) -> dict[str, Entry]:
    """All files as they shall stand in the volume."""
    tree: dict[str, Entry] = {}
    for prefix, folder in props["folders"].items():
        content = file_tree.read_folder(Path(folder["path"]))
        if file_tree.digest(content) != folder["digest"]:
            raise engine.EngineError(f"{folder['path']} changed during the update; run it again")
        tree |= {f"{prefix}/{path}" if prefix else path: e for path, e in content.items()}
    tree |= {path: Entry(text.encode()) for path, text in props["files"].items()}
    for path, text in props["secret_files"].items():
        tree[path] = Entry(text.encode(), owner=int(props["owner"]), mode=0o400)
    return tree


def _validate(client: docker.DockerClient, props: Props) -> str:
    """What the service's own binary says against the files; empty where it takes them."""
    if not props["validate"]:
        return ""
    tree = _tree(props)
    key = f"{props['image']} {props['validate']} {file_tree.digest(tree)}"
    if key in _already_validated:
        return ""
    owner = f"{int(props['owner'])}:{int(props['owner'])}"
    with engine.throwaway(
        client,
        props["image"],
        props["validate"],
        user=owner,
        capabilities=["NET_BIND_SERVICE"],  # official binaries carry it, and don't start without
        labels=props["labels"],
    ) as container:
        release = f"{_RELEASES}/candidate"
        top = f"{props['mount'].strip('/')}/{release}"
        links = {f"{props['mount'].strip('/')}/{_CURRENT}": release}
        container.put_archive("/", file_tree.archive(tree, top, links))
        code, output = engine.run_to_end(container)
    if code:
        return _redacted(props, output) or f"{props['validate'][0]} exits with {code}"
    _already_validated.add(key)
    return ""


def _write(props: Props) -> Props:
    """Write, switch, reload; on a refusal switch back and raise. Returns the outputs."""
    client = engine.connect(props["docker_host"])
    if problem := _validate(client, props):
        raise engine.EngineError(problem)
    tree = _tree(props)
    digest = file_tree.digest(tree)
    # Not the digest alone: mending a release that was edited by hand must not touch it in place.
    release = f"{_RELEASES}/{digest[:12]}-{secrets.token_hex(3)}"
    switch = (
        f"cd {props['mount']} && old=$(readlink {_CURRENT} || true) && "
        f"for r in {_RELEASES}/*; do case $r in $old|{release}) ;; *) rm -rf $r ;; esac; done && "
        f"ln -s {release} {_CURRENT}.new && mv -T {_CURRENT}.new {_CURRENT} && echo $old"
    )
    old = _in_volume(client, props, switch, file_tree.archive(tree, release))
    refusal = _reload(client, props)
    if not refusal:
        return {**props, "digest": digest}
    back = f"ln -s {old} {_CURRENT}.new && mv -T {_CURRENT}.new {_CURRENT}" if old else "true"
    _in_volume(client, props, f"cd {props['mount']} && {back} && rm -rf {release}", None)
    if old:
        _reload(client, props)  # one of several may have taken the new files before another refused
    raise engine.EngineError(
        f"the running service refused the new files, so the old ones were put back: {refusal}"
    )


def _in_volume(
    client: docker.DockerClient, props: Props, script: str, archive: bytes | None
) -> str:
    with engine.throwaway(
        client,
        props["image"],
        ["sh", "-c", f"rm -f {props['mount']}/{_CURRENT}.new; {script}"],
        volumes={props["volume"]: props["mount"]},
        labels=props["labels"],
    ) as container:
        if archive:
            container.put_archive(props["mount"], archive)
        code, output = engine.run_to_end(container)
    if code:
        raise engine.EngineError(f"the files of volume {props['volume']}: {output}")
    return output


def _reload(client: docker.DockerClient, props: Props) -> str:
    """Why a running service doesn't take the new files; empty where all do, or none runs.

    A container of another image is about to be replaced, and may not understand them.
    """
    if not props["reload"]:
        return ""
    running = client.containers.list(filters={"volume": props["volume"], "status": "running"})
    for container in running:
        if container.attrs["Config"]["Image"] != props["image"]:
            continue
        code, output = container.exec_run(props["reload"])
        if code:
            text = cast("bytes", output).decode(errors="replace").strip()
            return _redacted(props, text) or f"exit code {code}"
    return ""


def _current_tree(client: docker.DockerClient, props: Props) -> dict[str, Entry]:
    """The files that the service sees now; a link is an entry that no digest expects."""
    with engine.throwaway(
        client,
        props["image"],
        ["true"],
        volumes={props["volume"]: props["mount"]},
        labels=props["labels"],
    ) as container:
        entries = [
            (entry.name.partition("/")[2], entry, content)
            for entry, content in engine.unpack(container, props["mount"])
        ]
    current = next((e.linkname for path, e, _ in entries if path == _CURRENT and e.issym()), "?")
    return {
        path.removeprefix(f"{current}/"): Entry(content, entry.uid, entry.mode & 0o7777)
        for path, entry, content in entries
        if path.startswith(f"{current}/") and not entry.isdir()
    }


def _drift(props: Props, tree: Mapping[str, Entry]) -> Props:
    """The properties as they stand in the volume: text where it is public, else a mark."""
    changed_folder = {"path": "", "digest": "changed on the host"}
    files = {path: _text(tree[path]) for path in props["files"] if path in tree}
    secret_files = {
        path: text if path in tree and _text(tree[path]) == text else "changed on the host"
        for path, text in props["secret_files"].items()
    }
    drift: Props = {"files": files, "secret_files": secret_files}
    if drift == {key: props[key] for key in drift}:  # then it is a folder, an extra file, a mode
        if props["folders"]:
            drift["folders"] = dict.fromkeys(props["folders"], changed_folder)
        else:
            drift["files"] = {**files, "(files, owners or modes)": "changed on the host"}
    return drift


def _text(entry: Entry) -> str:
    return entry.content.decode(errors="replace")


def _redacted(props: Props, text: str) -> str:
    """The end of what a service said, without the lines of secret files that it may quote."""
    lines = {line.strip() for file in props["secret_files"].values() for line in file.splitlines()}
    for line in sorted(lines, key=len, reverse=True):
        if len(line) > 3:  # a brace alone is no secret
            text = text.replace(line, "[secret]")
    return text[-2000:]  # cut last: half a secret would be found by nobody


def _has_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for key, item in value.items() if key != "volume")
    if isinstance(value, list):
        return any(_has_unknown(item) for item in value)
    return isinstance(value, pulumi.output.Unknown)
