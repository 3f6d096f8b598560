"""Whether what runs of a site is what its files say, as the last run saw it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.pages_of_site import folder_of
from console.run import About, Run, Step


@dataclass(frozen=True)
class Compared:
    """What a run saw of a site."""

    at: str
    """When that run began, to the minute."""
    differing: tuple[Step, ...]
    """What it found different; nothing where all was as the files say."""


def of_site(runs: Iterable[Run], site: str) -> Compared | None:
    """What the newest run saw that tells of the site's files as they are: an update that went well,
    or a preview without edits of that site. `runs` begin with the newest. None where no run tells,
    or an update has been cut short since.
    """
    for run in runs:
        about, state = run.about, run.state
        if about.kind == "try":
            continue
        if about.kind == "up":
            return Compared(about.at, ()) if state == "well" else None
        if state == "well" and not _edits(about, site):
            return Compared(about.at, tuple(step for step in run.steps if step.of == site))
    return None


def _edits(about: About, site: str) -> bool:
    file = f"{site}.yaml"
    is_other_text = about.edited.get(file) != about.before.get(file)
    return is_other_text or (about.pages is not None and about.pages.folder == folder_of(site))
