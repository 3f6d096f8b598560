"""The files of a `VolumeFiles` as its volume must contain them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from host import file_tree
from host.file_tree import Entry
from host.provider import Props, ToldError


def owner_of(props: Props) -> int:
    """Who owns all files: root in a separate volume, where no service changes anything."""
    return int(props["owner"]) if props.get("folder") else 0


def tree_of(props: Props) -> dict[str, Entry]:
    """All files as the volume must contain them. Raises ToldError for a folder that changed since
    the program read it.
    """
    tree: dict[str, Entry] = {}
    for prefix, folder in props["folders"].items():
        content = file_tree.read_folder(Path(folder["path"]))
        if file_tree.digest(content) != folder["digest"]:
            raise ToldError(f"{folder['path']} changed during the update; run it again")
        tree |= {f"{prefix}/{path}" if prefix else path: e for path, e in content.items()}
    tree |= {path: Entry(text.encode()) for path, text in props["files"].items()}
    for path, text in props["secret_files"].items():
        tree[path] = Entry(text.encode(), owner=int(props["owner"]), mode=0o400)
    if owner := owner_of(props):
        tree = {path: dataclasses.replace(entry, owner=owner) for path, entry in tree.items()}
    return tree
