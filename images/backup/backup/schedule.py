"""When a run is due, from what is known of those before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backup.notes import Notes

_AGAIN = 3600  # seconds after a run that failed


def is_due(at: str, now: float, notes: Notes, *, complete: bool) -> bool:
    """Whether to save `now`, where each day has one run `at` a time in UTC (`03:17`).

    A run that was missed, while the host was off or asleep, is due at once. The very first one is
    due as soon as all is there that is saved (`complete`), or else at its time.
    """
    slot = _last(at, now)
    if slot <= notes.done <= now:
        return False
    if not notes.done and slot < notes.began and not complete:
        return False
    failed_lately = notes.done < notes.tried <= now < notes.tried + _AGAIN
    return not failed_lately


def _last(at: str, now: float) -> float:
    """The last moment that was this time of day."""
    hour, minute = map(int, at.split(":"))
    moment = datetime.fromtimestamp(now, UTC)
    slot = moment.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (slot if slot <= moment else slot - timedelta(days=1)).timestamp()
