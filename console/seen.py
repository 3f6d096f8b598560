"""How the sites' containers are, as the host told last. It is asked beside the requests, because
a host that is away takes seconds to say so.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

_FRESH = 10  # seconds for which nobody asks again
_PATIENCE = 0.15  # seconds for which a page waits for a host that answers at once


@dataclass(frozen=True)
class Seen:
    """What the host told."""

    health: Mapping[str, str] = field(default_factory=dict)
    """How each component's container is, by the component's name."""
    at: str = ""
    """When, to the minute; "" where nobody has seen it yet."""
    why_away: str = ""
    """Why it doesn't answer now, in a sentence."""


class Host:
    """Asks the host at most every some seconds, and keeps what it told last in `file`."""

    def __init__(self, ask: Callable[[], Mapping[str, str]], file: Path) -> None:
        """`ask` returns the health of each component, or raises an exception that is a sentence.
        One thread asks, so that it can keep its connection.
        """
        self._ask = ask
        self._file = file
        self._seen = _read(file)
        self._asked = -float(_FRESH)
        self._wanted = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._looks, daemon=True)
        self._starting = threading.Lock()

    def seen(self) -> tuple[Seen, bool]:
        """What was seen last, and whether the host is being asked right now."""
        with self._starting:
            if not self._wanted.is_set() and time.monotonic() - self._asked >= _FRESH:
                self._answered.clear()
                self._wanted.set()
                if not self._thread.is_alive():
                    self._thread.start()
        self._answered.wait(_PATIENCE if self._wanted.is_set() else 0)
        return self._seen, self._wanted.is_set()

    def _looks(self) -> None:
        while self._wanted.wait():
            self._look()
            self._asked = time.monotonic()
            self._wanted.clear()
            self._answered.set()

    def _look(self) -> None:
        try:
            now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
            self._seen = Seen(health=self._ask(), at=now)
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file.write_text(json.dumps(asdict(self._seen)), encoding="utf-8")
        except Exception as error:  # noqa: BLE001 - whatever keeps it away, a person reads it
            self._seen = Seen(self._seen.health, self._seen.at, why_away=str(error))


def _read(file: Path) -> Seen:
    try:
        return Seen(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Seen()
