"""Which tags and manifests of an image registry nobody needs any more.

What a signature, an attestation or a bill of materials belongs to is said in two ways: by its tag
(`sha256-<digest>.sig`, as cosign has it, and `sha256-<digest>` for the list of all of them), or by
`subject` in its manifest. It stays as long as what it belongs to, and goes with it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from commands.error import CommandError
from components.registry.config import DATA_AT

REPOSITORIES = f"{DATA_AT}/docker/registry/v2/repositories"
_REVISIONS, _TAGS = "_manifests/revisions/sha256", "_manifests/tags"

# Prints all tags with when they were pushed and what they name, all manifests of repositories, and
# what the manifests say, each on a line of its own: JSON has line ends between words alone. Newest
# is what was pushed last: an image can say of itself that it was made in 1970.
LIST = f"""\
cd {REPOSITORIES} 2>/dev/null || exit 0  # nothing was ever pushed
find . -path '*/{_TAGS}/*/current/link' -exec stat -c 'pushed %y %n' {{}} + \
    -exec awk '{{ print FILENAME ":" $0 }}' {{}} + || exit
find . -path '*/{_REVISIONS}/*' -prune >/tmp/revisions || exit
cat /tmp/revisions
sed 's|.*/||' /tmp/revisions | sort -u | while read -r digest; do
    file=../blobs/sha256/${{digest%"${{digest#??}}"}}/$digest/data
    [ ! -f "$file" ] || echo "$file"
done | xargs -r awk 'FNR == 1 {{ printf "\\n%s ", FILENAME }} {{ printf "%s", $0 }}'
"""

_PUSHED = re.compile(rf"pushed (.+) \./(.+)/{_TAGS}/(.+)/current/link")
_NAMES = re.compile(rf"\./(.+)/{_TAGS}/(.+)/current/link:(sha256:[0-9a-f]{{64}})")
_REVISION = re.compile(rf"\./(.+)/{_REVISIONS}/([0-9a-f]{{64}})")
_SAYS = re.compile(r"\.\./blobs/sha256/../([0-9a-f]{64})/data (.*)")
_BELONGS = re.compile(r"sha256-([0-9a-f]{64})(\..+)?")


@dataclass(frozen=True, order=True)
class Tag:
    """A tag of a repository."""

    repository: str
    name: str

    @property
    def belongs_to(self) -> str:
        """The digest of what it is about; "" where it is an image's own."""
        found = _BELONGS.fullmatch(self.name)
        return f"sha256:{found[1]}" if found else ""

    @property
    def path(self) -> str:
        """Its folder, below `REPOSITORIES`."""
        return f"{self.repository}/{_TAGS}/{self.name}"


@dataclass(frozen=True, order=True)
class Manifest:
    """A manifest of a repository."""

    repository: str
    digest: str

    @property
    def path(self) -> str:
        """Its folder, below `REPOSITORIES`."""
        return f"{self.repository}/{_REVISIONS}/{self.digest.removeprefix('sha256:')}"


@dataclass(frozen=True)
class Stored:
    """What a registry holds."""

    names: dict[Tag, str] = field(default_factory=dict)
    """The digests that tags name."""
    pushed: dict[Tag, str] = field(default_factory=dict)
    """When; sorts by time."""
    manifests: set[Manifest] = field(default_factory=set)
    lists: dict[str, list[str]] = field(default_factory=dict)
    """The digests that a manifest lists, by its own. It has every manifest that could be read."""
    subjects: dict[str, str] = field(default_factory=dict)
    """The digest of what a manifest is about, by its own."""


def parsed(listing: str) -> Stored:
    """What `LIST` printed."""
    stored = Stored()
    for line in listing.split("\n"):  # JSON may hold other ends of lines
        if found := _PUSHED.fullmatch(line):
            stored.pushed[Tag(found[2], found[3])] = found[1]
        elif found := _NAMES.fullmatch(line):
            stored.names[Tag(found[1], found[2])] = found[3]
        elif found := _REVISION.fullmatch(line):
            stored.manifests.add(Manifest(found[1], f"sha256:{found[2]}"))
        elif found := _SAYS.fullmatch(line):
            _note_references(stored, f"sha256:{found[1]}", found[2])
    return stored


def _note_references(stored: Stored, digest: str, text: str) -> None:
    """What a manifest lists, and what it is about; nothing of one that can't be read."""
    try:
        said: object = json.loads(text)
    except ValueError:
        return
    if _mapping(said):
        listed = said.get("manifests")
        entries: list[object] = listed if isinstance(listed, list) else []
        stored.lists[digest] = [each for entry in entries if (each := _digest(entry))]
        stored.subjects[digest] = _digest(said.get("subject"))


def _digest(descriptor: object) -> str:
    return str(descriptor.get("digest", "")) if _mapping(descriptor) else ""


def _mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict)


def unneeded(stored: Stored, keep: int | None) -> tuple[list[Tag], list[Manifest]]:
    """The tags and the manifests that may go, where `keep` tags of each repository stay, or all.

    A tag that belongs to something isn't counted. It goes where that is here and is needed by
    nothing else; what it signs may be elsewhere, and then it stays. Raises CommandError where that
    can't be known, as what is needed could go.
    """
    for tag in sorted(stored.pushed.keys() - stored.names.keys()):
        raise _unreadable(f"the tag {tag.repository}:{tag.name}")
    kept = {tag for tag in stored.names if not tag.belongs_to}
    if keep is not None:
        kept = set(_newest(kept, stored, keep))
    here = {manifest.digest for manifest in stored.manifests}
    kept |= {tag for tag in stored.names if tag.belongs_to and tag.belongs_to not in here}
    needed: set[Manifest] = set()
    while found := set(_named(stored, kept)) | set(_following(stored, needed)):
        if found <= needed:
            break
        needed |= found
        digests = {manifest.digest for manifest in needed}
        kept |= {tag for tag in stored.names if tag.belongs_to in digests}
    for manifest in sorted(needed & stored.manifests):
        if manifest.digest not in stored.lists:
            raise _unreadable(f"the manifest {manifest.repository}@{manifest.digest}")
    return sorted(stored.names.keys() - kept), sorted(stored.manifests - needed)


def _unreadable(what: str) -> CommandError:
    return CommandError(f"{what} can't be read, so nothing is removed; delete it and push it again")


def _newest(tags: Iterable[Tag], stored: Stored, keep: int) -> Iterator[Tag]:
    of_repository = defaultdict(list)
    for tag in sorted(tags, key=lambda tag: (stored.pushed[tag], tag.name), reverse=True):
        of_repository[tag.repository].append(tag)
    for newest_first in of_repository.values():
        yield from newest_first[:keep]


def _named(stored: Stored, tags: Iterable[Tag]) -> Iterator[Manifest]:
    return (Manifest(tag.repository, stored.names[tag]) for tag in tags)


def _following(stored: Stored, needed: set[Manifest]) -> Iterator[Manifest]:
    """What these list, and what is about them."""
    for manifest in needed:
        for digest in stored.lists.get(manifest.digest, []):
            yield Manifest(manifest.repository, digest)
    for manifest in stored.manifests:
        subject = stored.subjects.get(manifest.digest)
        if subject and Manifest(manifest.repository, subject) in needed:
            yield manifest
