"""What stands in a volume, apart from what `VolumeFiles` wrote there."""

from __future__ import annotations

import docker

from host import engine, file_tree
from host.file_tree import CURRENT, Entry, top_of
from host.provider import Props
from host.volume_files_tree import tree_of


def drift(client: docker.DockerClient, props: Props) -> Props:
    """The properties that differ, with the values that the volume has; none if everything is as
    written.

    Public text is shown; secret text is replaced by a mark.
    """
    tree = _current_tree(client, props)
    digest = file_tree.digest(tree)
    if digest == props["digest"]:
        return {}
    changed_folder = {"path": "", "digest": "changed on the host"}
    files = {path: _text(tree[path]) for path in props["files"] if path in tree}
    secret_files = {
        path: text if path in tree and _text(tree[path]) == text else "changed on the host"
        for path, text in props["secret_files"].items()
    }
    found: Props = {"files": files, "secret_files": secret_files}
    if found == {key: props[key] for key in found}:  # then it is a folder, an extra file, a mode
        if props["folders"]:
            found["folders"] = dict.fromkeys(props["folders"], changed_folder)
        else:
            found["files"] = {**files, "(files, owners or modes)": "changed on the host"}
    elif not props["folders"] and file_tree.digest(tree_of({**props, **found})) == digest:
        # Another state wrote them, perhaps as the program wants them: then nothing has to change.
        found["digest"] = digest
    return found


def _current_tree(client: docker.DockerClient, props: Props) -> dict[str, Entry]:
    """The files that the service sees now; a link is an entry that no digest expects."""
    volume, image, labels = props["volume"], props["image"], props["labels"]
    with engine.holder(client, volume, image=image, labels=labels) as (container, at):
        try:
            entries = [
                (entry.name.partition("/")[2], entry, content)
                for entry, content in engine.unpack(container, top_of({**props, "mount": at}))
            ]
        except docker.errors.NotFound:  # a folder of a volume that somebody emptied
            return {}
    current = next((e.linkname for path, e, _ in entries if path == CURRENT and e.issym()), "?")
    return {
        path.removeprefix(f"{current}/"): Entry(content, entry.uid, entry.mode & 0o7777)
        for path, entry, content in entries
        if path.startswith(f"{current}/") and not entry.isdir()
    }


def _text(entry: Entry) -> str:
    return entry.content.decode(errors="replace")
