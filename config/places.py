"""How a place is written where content can come from: a folder, or the URL of a repository."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator


def inside(text: str) -> str:
    """A path below some folder, in its one form. Raises ValueError with what is allowed."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts or not text.isprintable():
        raise ValueError("must be a relative path without .., such as sites/blog")
    return path.as_posix()


Inside = Annotated[str, AfterValidator(inside)]

# No part of a URL begins with a hyphen: programs would take it for an option.
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
AT_HTTP = rf"https?://{_HOST}(:[0-9]+)?/"
AT_SSH = rf"ssh://({_USER}@)?{_HOST}(:[0-9]+)?/|{_USER}@{_HOST}:"
"""Beginnings of URLs over https or http, and over SSH."""


def is_url(place: str) -> bool:
    """Whether what stands in for repositories is a URL, or else a folder of this repository."""
    return ":" in place


def is_http(url: str) -> bool:
    """Whether a repository's URL is one over http or https, or else one over SSH."""
    return url.startswith(("http://", "https://"))


def below(beginning: str, url: str) -> str | None:
    """The rest of a repository's URL below a beginning of it; None where it isn't below."""
    url, top = url.rstrip("/"), beginning.rstrip("/")
    if url == top:
        return ""
    if top[-1] != ":" and not url.startswith(f"{top}/"):
        return None
    return url.removeprefix(top).lstrip("/") if url.startswith(top) else None


def is_folder(folder: Path, root: Path) -> bool:
    """Whether it is a folder below `root`, also where links lead."""
    try:
        return folder.is_dir() and folder.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a name that no file system takes
        return False
