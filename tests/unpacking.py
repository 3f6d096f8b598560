"""Tar files of tests' own."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack all of it, as it is. Debian 12's Python 3.11.2 has no argument `filter`."""
    tar.extraction_filter = lambda member, _: member
    tar.extractall(folder)  # noqa: S202 - a test packed it
