"""The data of one source, put in the place of what is there, while nobody uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from backup.plan import Plan, Source
from backup.restore import bring, put_back

_COMING, _WHOLE, _LAST = ".homeport-coming", ".homeport-whole", ".homeport-last"
"""The new data, in a folder below the source's top: while it comes, once it is whole, and once the
old data is out of its way."""
_GONE = ".homeport-gone"
"""The folder of the old data, until it is deleted."""


def replace(plan: Plan, snapshot: str, copies: Path) -> int:
    """Have the plan's only source hold what a snapshot has of it, and nothing else; restic's exit
    code. Where that isn't 0, the source is as it was.
    """
    (source,) = plan.sources
    swap(source.at)  # of a run that was killed
    coming = source.at / _COMING
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir()
    tar = copies / f"{source.at.name}.tar"
    calls = [[f"{snapshot}:{source.at}", "--target", str(coming)]]
    if source.first:
        calls.append([snapshot, "--target", "/", "--include", str(tar)])
    try:
        for call in calls:
            if code := bring(plan, *call):
                return code
        put_back(Source(at=coming, first=source.first), tar)
        coming.rename(source.at / _WHOLE)
    finally:
        shutil.rmtree(coming, ignore_errors=True)
    swap(source.at)
    return 0


def swap(top: Path) -> None:
    """Put new data that is whole in the place of the old, wherever another run was killed."""
    whole, last, gone = (top / name for name in (_WHOLE, _LAST, _GONE))
    if whole.exists():
        gone.mkdir(exist_ok=True)
        for path in _entries(top, whole, gone):
            path.rename(gone / path.name)
        whole.rename(last)
    if last.exists():
        for path in _entries(last):
            path.rename(top / path.name)
        last.rmdir()
    shutil.rmtree(gone, ignore_errors=True)


def _entries(top: Path, *but: Path) -> Iterator[Path]:
    yield from (path for path in sorted(top.iterdir()) if path not in but)
