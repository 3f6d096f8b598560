"""A site's pages as somebody is about to put them in place: beside the text of its file."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from console.dropped import listing
from console.run import Pages


def folder_of(name: str) -> str:
    """Where pages go that are given for a site."""
    return f"sites/{name}"


def digest_of(folder: Path) -> str:
    """Tells one state of a folder from another."""
    return hashlib.sha256(json.dumps(listing(folder)).encode()).hexdigest()


def led_to(text: str, name: str, place: str) -> str | None:
    """The text of a site's file with another folder in place of the site's own, on the same line;
    None where it doesn't name that one. What is no YAML stays, for others to say so.
    """
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text
    found = _at(_at(top, "source"), "folder")
    if not isinstance(found, yaml.ScalarNode) or found.value.strip("/") != folder_of(name):
        return None
    before, after = text[: found.start_mark.index], text[found.end_mark.index :]
    return f"{before}{json.dumps(place)}{after}"


def led_here(text: str, name: str) -> str:
    """The text of a site's file that was made of a Caddyfile, with the site's own folder in place
    of the one that the Caddyfile named.
    """
    here = f"source: {{folder: {folder_of(name)}}}"
    return re.sub(r"^source: \{host_folder: .*\}$", here, text, flags=re.MULTILINE)


@contextmanager
def put_in_place(root: Path, pages: Pages | None, given: Path | None) -> Iterator[None]:
    """Put pages in place, or take a folder away; after an exception all is as it was."""
    if pages is None:
        yield
        return
    target = root / pages.folder
    aside = (given or root / ".engine" / Path(pages.folder).name).with_suffix(".was")
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    was_there = target.is_dir()
    if was_there:
        target.rename(aside)
    try:
        if given:
            target.parent.mkdir(exist_ok=True)
            given.rename(target)
        yield
    except BaseException:
        if given and target.exists():
            target.rename(given)
        if was_there:
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)
