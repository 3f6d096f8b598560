"""`outdated`: newer versions of what is pinned, where a registry answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from commands.context import Context
from commands.table import table
from config.settings import ROOT

_TIMEOUT = 10  # seconds for one answer
_HUB = "registry-1.docker.io"
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Pinned:
    """Something of an exact version, and the newest there is; "" where nobody told."""

    name: str
    now: str
    newest: str


def run(context: Context) -> int:
    """Print what has a newer version, and where that is changed."""
    images = context.estate.images.model_dump().values()
    rows = [(p.name, p.now, p.newest, "config/images.yaml") for p in _images(images)]
    rows += [(p.name, p.now, p.newest, "requirements.txt") for p in _packages()]
    silent = [name for name, _, newest, _ in rows if not newest]
    newer = [row for row in rows if row[2] not in ("", row[1])]
    print(table(("name", "version", "newest", "in"), newer) if newer else "nothing newer was found")
    if silent:
        print(f"no registry answered for: {', '.join(silent)}", file=sys.stderr)
    return 0


def newest(now: str, tags: Iterable[str]) -> str:
    """The newest tag of the same form as `now`: as many numbers, and the same words around."""
    form = _NUMBERS.sub("#", now)
    alike = [tag for tag in tags if _NUMBERS.sub("#", tag) == form]
    return max([now, *alike], key=lambda tag: [int(number) for number in _NUMBERS.findall(tag)])


def _images(refs: Iterable[str]) -> Iterable[Pinned]:
    for ref in sorted(refs):
        name, _, tag = ref.rpartition(":")
        if name.startswith("homeport/"):
            continue  # built here: its versions are those of its parts
        try:
            yield Pinned(name, tag, newest(tag, _tags(name)))
        except (requests.RequestException, KeyError, ValueError):
            yield Pinned(name, tag, "")


def _tags(name: str) -> list[str]:
    """All tags of an image, asked as any client does: with a token where one is wanted."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first):
        registry, repository = first, rest
    else:
        registry, repository = _HUB, name if slash else f"library/{name}"
    with requests.Session() as session:
        url = f"https://{registry}/v2/{repository}/tags/list"
        answer = session.get(url, timeout=_TIMEOUT)
        if answer.status_code == 401:
            wanted = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))
            token = session.get(wanted.pop("realm"), params=wanted, timeout=_TIMEOUT).json()
            session.headers["Authorization"] = f"Bearer {token['token']}"
            answer = session.get(url, timeout=_TIMEOUT)
        answer.raise_for_status()
        return list(answer.json()["tags"])


def _packages() -> Iterable[Pinned]:
    pinned = dict(
        re.findall(
            r"^([\w.-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--outdated", "--format", "json"],
        check=False,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout) if done.returncode == 0 else None
    known = {_same(item["name"]): item["latest_version"] for item in found or []}
    for name, now in pinned.items():
        yield Pinned(name, now, "" if found is None else str(known.get(_same(name), now)))


def _same(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
