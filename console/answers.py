"""What a site's URLs answer right now, and how long their certificates last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from commands.context import Context
from commands.probe import ask
from console.overview import Answered


def of_site(context: Context, site: str) -> Sequence[Answered]:
    """What each URL of a site answers. Raises CommandError where nothing can be asked."""
    entries = [entry for entry in context.estate.urls() if entry["name"] == site]
    found = []
    with context.door() as door:
        for entry in entries:
            answer, parts, certificate = ask(door, entry), urlsplit(entry["url"]), ""
            if parts.scheme == "https":
                try:
                    left = door.certificate_end(parts.hostname or "") - datetime.now(UTC)
                    certificate = lasts(left)
                except OSError as error:
                    certificate = f"no valid certificate ({error})"
            found.append(Answered(entry["url"], answer.text, answer.well, certificate))
    return found


def lasts(left: timedelta) -> str:
    """How long a certificate lasts: those of the stack's own CA last for hours."""
    if left < timedelta(days=2):
        return f"certificate for {left // timedelta(hours=1)} more hours"
    return f"certificate for {left.days} more days"
