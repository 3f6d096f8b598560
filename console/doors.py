"""Who may use the console: links that open it once, and the sessions that they begin."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LINK_LASTS = 600
"""Seconds in which a link has to be used."""
SESSION_LASTS = 12 * 3600
"""Seconds without a request after which a session ends."""
_AT_MOST = 32  # sessions, and links that wait


@dataclass(frozen=True)
class Doors:
    """Links and sessions, by the digests of their words. They end with the process."""

    now: Callable[[], float] = time.monotonic
    _links: dict[str, float] = field(default_factory=dict)
    _sessions: dict[str, float] = field(default_factory=dict)

    def new_link(self) -> str:
        """The word of a link that opens the console once, for some minutes."""
        return self._add(self._links, LINK_LASTS)

    def enter(self, word: str) -> str | None:
        """The word of a new session, if this is a link's that waits; the link is used up then."""
        until = self._links.pop(_digest(word), 0)
        return self._add(self._sessions, SESSION_LASTS) if until > self.now() else None

    def knows(self, word: str) -> bool:
        """Whether it is a session's that goes on; it then lasts longer."""
        digest = _digest(word)
        if self._sessions.get(digest, 0) <= self.now():
            return False
        self._sessions[digest] = self.now() + SESSION_LASTS
        return True

    def leave(self, word: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(word), None)

    def _add(self, kept: dict[str, float], lasts: int) -> str:
        word = secrets.token_urlsafe(32)
        while len(kept) >= _AT_MOST:
            kept.pop(next(iter(kept)), None)
        kept[_digest(word)] = self.now() + lasts
        return word


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
