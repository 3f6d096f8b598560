"""What `VolumeFiles` does to a volume: validate, write beside the old files, switch, reload."""

from __future__ import annotations

import importlib
import secrets
from pathlib import PurePosixPath

import docker
from docker.models.containers import Container

from host import engine, file_tree
from host.file_tree import CURRENT, MARKER, RELEASES, WRITTEN, top_of
from host.provider import Props
from host.volume_files_tree import owner_of, tree_of

# Written by a check for the create or update of the same run, which share this process.
_already_validated: set[str] = set()


def validate(client: docker.DockerClient, props: Props) -> str:
    """What the service's own binary says against the files; empty where it takes them."""
    if not props["validate"]:
        return ""
    tree = tree_of(props)
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
        release = f"{RELEASES}/candidate"
        top = f"{props['mount'].strip('/')}/{release}"
        links = {f"{props['mount'].strip('/')}/{CURRENT}": release}
        container.put_archive("/", file_tree.archive(tree, top, links))
        code, output = engine.run_to_end(container)
    if code:
        return _said(props, output) or f"{props['validate'][0]} exits with {code}"
    _already_validated.add(key)
    return ""


def write(props: Props) -> Props:
    """Write, switch, reload; on a refusal switch back and raise. Returns the outputs."""
    client = engine.connect(props["docker_host"])
    if problem := validate(client, props):
        raise engine.EngineError(problem)
    tree = tree_of(props)
    digest = file_tree.digest(tree)
    # Not the digest alone: mending a release that was edited by hand must not touch it in place.
    release = f"{RELEASES}/{digest[:12]}-{secrets.token_hex(3)}"
    mark = f"echo {WRITTEN} >{MARKER} && " if props.get("folder") else ""
    switch = (
        f"cd {top_of(props)} && {mark}old=$(readlink {CURRENT} || true) && "
        f"for r in {RELEASES}/*; do case $r in $old|{release}) ;; *) rm -rf $r ;; esac; done && "
        f"ln -s {release} {CURRENT}.new && mv -T {CURRENT}.new {CURRENT} && echo $old"
    )
    below = str(PurePosixPath(props.get("folder", ""), release))
    archive = file_tree.archive(tree, below, owner=owner_of(props))
    old = _in_volume(client, props, switch, archive)
    refusal = _reload(client, props)
    if not refusal:
        return {**props, "digest": digest}
    back = f"ln -s {old} {CURRENT}.new && mv -T {CURRENT}.new {CURRENT}" if old else "true"
    _in_volume(client, props, f"cd {top_of(props)} && {back} && rm -rf {release}", None)
    if old:
        _reload(client, props)  # one of several may have taken the new files before another refused
    raise engine.EngineError(
        f"the running service refused the new files, so the old ones were put back: {refusal}"
    )


def remove(props: Props) -> None:
    """Remove what stands in a folder of a shared volume, unless it is somebody else's by now."""
    client = engine.connect(props["docker_host"])
    volume, image = props["volume"], props["image"]
    if not (engine.has_volume(client, volume) and engine.has_image(client, image)):
        return
    top = top_of(props)
    script = f'[ "$(cat {top}/{MARKER} 2>/dev/null)" != {WRITTEN} ] || rm -rf {top}'
    _in_volume(client, props, script, None)


def _in_volume(
    client: docker.DockerClient, props: Props, script: str, archive: bytes | None
) -> str:
    with engine.throwaway(
        client,
        props["image"],
        ["sh", "-c", f"rm -f {top_of(props)}/{CURRENT}.new; {script}"],
        user=f"{owner_of(props)}:{owner_of(props)}",
        volumes={props["volume"]: props["mount"]},
        labels=props["labels"],
    ) as container:
        if archive:
            _put(container, props["mount"], archive)
        code, output = engine.run_to_end(container)
    if code:
        raise engine.EngineError(f"the files of volume {props['volume']}: {output}")
    return output


def _put(container: Container, at: str, archive: bytes) -> None:
    """Docker looks whether a folder is there, and then makes it. Where two bring the first files of
    a shared volume at once, one of them fails by that, and finds the folder when it tries again:
    they share no other folder than the one that has all of theirs.
    """
    try:
        container.put_archive(at, archive)
    except docker.errors.APIError as error:
        if "file exists" not in str(error):
            raise
        container.put_archive(at, archive)


def _reload(client: docker.DockerClient, props: Props) -> str:
    """Why a running service doesn't take the new files; empty where all do, or none runs.

    A container of another image is about to be replaced, and may not understand them. One that
    has them elsewhere only looks at them: its own files may be lost.
    """
    if not props["reload"]:
        return ""
    running = client.containers.list(filters={"volume": props["volume"], "status": "running"})
    for container in running:
        at = engine.mounted_at(container.attrs["Mounts"], props["volume"])
        if container.attrs["Config"]["Image"] != props["image"] or at != props["mount"]:
            continue
        ran = engine.run_in(container, props["reload"])
        if ran.code:
            return _said(props, ran.said) or f"exit code {ran.code}"
    return ""


def _said(props: Props, text: str) -> str:
    """The service's output, or only the reason in it. It names files by the person's own paths."""
    at = f"{props['mount']}/{CURRENT}/"
    if reason := props.get("reason"):
        text = str(importlib.import_module(reason).reason_in(text)).replace(at, "")
    elif shown_as := props.get("shown_as"):
        text = text.replace(at, f"{shown_as}/")
    return _redacted(props, text)


def _redacted(props: Props, text: str) -> str:
    """The end of what a service said, without what it may quote of secret files: lines, and words
    that are long enough to be a secret by themselves.
    """
    lines = {line.strip() for file in props["secret_files"].values() for line in file.splitlines()}
    words = {word for line in lines for word in line.split() if len(word) >= 20}
    for part in sorted(lines | words, key=len, reverse=True):
        if len(part) > 3:  # a brace alone is no secret
            text = text.replace(part, "[secret]")
    return text[-2000:]  # cut last: half a secret would be found by nobody
