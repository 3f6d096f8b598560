"""The folders of a volume that many share, looked at once for all of them.

Docker starts a process of its own for each archive that is read of a container, which takes longer
than a small folder's content.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import docker
import requests

from host import engine, file_tree
from host.file_tree import CURRENT, MARKER, RELEASES, WRITTEN

# $1: the folder that has them all. What somebody else writes may be large, and isn't read.
_LIST = f"""\
cd "$1" || exit 0
for folder in *; do
    [ -d "$folder/{RELEASES}" ] || continue
    echo "folder $folder"
    [ "$(cat "$folder/{MARKER}")" = {WRITTEN} ] && cd "$folder/{CURRENT}/" || continue
    find . ! -type d -exec stat -c 'entry %u %a %n' {{}} +
    find . -type f -exec sha256sum {{}} +
    cd "$1"
done
"""
_FOLDER = re.compile(r"folder (.+)")
_ENTRY = re.compile(r"entry (\d+) ([0-7]+) \./(.+)")
_DIGEST = re.compile(r"([0-9a-f]{64})  \./(.+)")

_lock = threading.Lock()
_seen: dict[tuple[str, str, str], Mapping[str, Folder]] = {}


@dataclass
class Folder:
    """What stands in one of them."""

    owners: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Owner and mode of all that visitors of the site may see, but folders."""
    digests: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of each file of these that is one, and that the service itself may read."""

    @property
    def digest(self) -> str:
        """As `file_tree.digest` has it; empty if there is more than files that can be read."""
        if self.owners.keys() != self.digests.keys():
            return ""
        return file_tree.digest_of(
            {path: (*self.owners[path], digest) for path, digest in self.digests.items()}
        )


def seen(docker_host: str, volume: str, folder: str) -> Folder | None:
    """A folder of a volume, as it was when the first one beside it was asked for; None if it isn't
    there, or if no running service can tell.
    """
    path = PurePosixPath(folder)
    key = docker_host, volume, str(path.parent)
    with _lock:  # the others wait for the first one's answer
        if key not in _seen:
            _seen[key] = _look(engine.connect(docker_host), volume, str(path.parent))
        return _seen[key].get(path.name)


def forget() -> None:
    """Look again: something was written."""
    with _lock:
        _seen.clear()


def _look(client: docker.DockerClient, volume: str, parent: str) -> Mapping[str, Folder]:
    there = client.containers.list(filters={"volume": volume, "status": "running"})
    for container in there:
        at = engine.mounted_at(container.attrs["Mounts"], volume)
        if not at or engine.THROWAWAY in container.labels:
            continue
        try:
            ran = engine.run_in(container, ["sh", "-c", _LIST, "sh", f"{at}/{parent}"])
        except (docker.errors.DockerException, requests.RequestException):
            continue  # it ended meanwhile, or has no shell
        return parsed(ran.output.decode(errors="replace").split("\n"))
    return {}


def parsed(lines: Iterable[str]) -> Mapping[str, Folder]:
    """Folders by name. A path with a line end breaks its lines, so that its folder has no digest
    that anybody expects.
    """
    folders: dict[str, Folder] = {}
    current = Folder()
    for line in lines:
        if found := _FOLDER.fullmatch(line):
            current = folders[found[1]] = Folder()
        elif found := _ENTRY.fullmatch(line):
            current.owners[found[3]] = int(found[1]), int(found[2], 8)
        elif found := _DIGEST.fullmatch(line):
            current.digests[found[2]] = found[1]
    return folders
