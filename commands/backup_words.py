"""What restic says, as a person reads it: progress, the end of a run, snapshots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_TRY = re.compile(r"^\w+\([^)]*\) returned error, retrying after \S+: ")
_QUESTION = " Is there a repository at the following location?"
_SSH = "unable to start the sftp session"  # and ssh said why
_REFUSED = (
    *("(401)", "(403)", "Access Denied", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("Permission denied (", "Host key verification failed"),
)
_FULL = ("(507)", "no space left on device")
_EVERY = 5  # seconds between two lines of progress
_MOST = 10  # of the files that couldn't be read
_MIB = 2**20


@dataclass(kw_only=True)
class Heard:
    """What a run said, and what is said of it while it lasts."""

    say: Callable[[str], None]
    clock: Callable[[], float]
    """Seconds."""
    secrets: Sequence[str] = field(default=(), repr=False)
    """What is never repeated."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    snapshots: Sequence[Mapping[str, Any]] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    """What a look at a snapshot found."""
    unread: list[str] = field(default_factory=list)
    """What couldn't be read, or restored, and why."""
    last: str = ""
    """The last words of a run that failed."""
    _said: float | None = None

    @property
    def refused(self) -> bool:
        """Whether the server refused the credential, or what it asked for."""
        return any(word in self.last for word in _REFUSED)

    @property
    def full(self) -> bool:
        """Whether the store has no room."""
        return any(word in self.last for word in _FULL)

    @property
    def ssh_unheard(self) -> bool:
        """Whether ssh knows why it failed, and restic ended before it handed that on."""
        return _SSH in self.last

    def take(self, line: str) -> None:
        """One line of restic's, which is JSON, or else words on what went wrong."""
        try:
            message = json.loads(line)
        except ValueError:
            message = line.strip()
        if isinstance(message, list):
            self.snapshots = message
        elif isinstance(message, dict):
            self._take(message)
        elif message:
            self.last = self._clean(str(message))

    def _take(self, message: Mapping[str, Any]) -> None:
        match message.get("message_type"):
            case "status":
                self._progress(message)
            case "summary":
                self.summary = message
            case "found":
                self.found = message
            case "initialized":
                self.say("made a new repository")
            case "error":
                why = (message.get("error") or {}).get("message", "")
                self.unread.append(self._clean(f"{message.get('item', '')}: {why}"))
            case "exit_error":
                text = self._clean(str(message.get("message", "")))
                if not (self.last and _SSH in text):
                    self.last = text

    def _progress(self, message: Mapping[str, Any]) -> None:
        now = self.clock()
        if self._said is None:
            self._said = now
        if now - self._said >= _EVERY:
            self._said = now
            done = message.get("bytes_done", message.get("bytes_restored", 0))
            total = message.get("total_bytes", 0)
            self.say(f"{message.get('percent_done', 0):.0%}: {mib(done)} of {mib(total)}")

    def _clean(self, text: str) -> str:
        text = " ".join(text.split()).removeprefix("Fatal: ").partition(_QUESTION)[0]
        text = _TRY.sub("", text).removeprefix("subprocess ssh: ").rstrip(".")
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


@dataclass(frozen=True, kw_only=True)
class Named:
    """How sentences name things."""

    repository: str
    backup: str
    """The command that makes a snapshot."""
    credential: str
    """The setting that opens the server."""


def ending(code: int, heard: Heard, named: Named) -> str:
    """Why a run failed, by restic's exit code, and what to do."""
    at = f"homeport:backup.repository ({named.repository})"
    match code:
        case 3:
            files = "\n".join(f"  {line}" for line in heard.unread[:_MOST])
            more = len(heard.unread) - _MOST
            rest = f"\n  and {more} more" if more > 0 else ""
            return f"the snapshot lacks what couldn't be read:\n{files}{rest}"
        case 10:
            return f"there is no repository at {at} yet; `{named.backup}` makes it"
        case 11:
            return (
                f"{at} is locked by somebody who removes or checks snapshots; try again when they "
                "have ended"
            )
        case 12:
            return (
                f"homeport:backup.password doesn't open {at}; set the password that it was made "
                "with, or name another repository"
            )
    why = f"{at} can't be used: {heard.last or f'restic ended with {code}'}"
    if heard.refused:
        why += f"; set homeport:backup.{named.credential} to what opens the server"
    if heard.full:
        why += "; make room there (docs/how-to/restore.md#the-store-is-full)"
    if heard.ssh_unheard:
        why += "; restic ended before it handed on what ssh said, so try again to read it"
    return why


def done(summary: Mapping[str, Any]) -> str:
    """What a snapshot holds."""
    return (
        f"saved snapshot {str(summary.get('snapshot_id', ''))[:8]}: "
        f"{mib(summary.get('total_bytes_processed', 0))}, of which "
        f"{mib(summary.get('data_added', 0))} are new"
    )


def rows(snapshots: Iterable[Mapping[str, Any]], now: datetime) -> list[tuple[str, ...]]:
    """A row for each snapshot, the newest first: its name, when it was made, age and size."""
    found = []
    for snapshot in snapshots:
        made = datetime.fromisoformat(snapshot["time"])
        size = (snapshot.get("summary") or {}).get("total_bytes_processed")
        row = (
            str(snapshot["id"])[:8],
            f"{made.astimezone(now.tzinfo):%Y-%m-%d %H:%M}",
            age(now - made),
            "" if size is None else mib(size),
        )
        found.append((made, row))
    return [row for _, row in sorted(found, reverse=True)]


def proofs(notes: Mapping[str, float], now: datetime) -> list[str]:
    """When the host last saw that the repository is well and that data comes back, from what its
    service remembers.
    """
    lines = []
    for what, good, failed, page in (
        ("check", "checked", "damaged", "BackupDamaged"),
        ("trial restore", "drilled", "drill_failed", "RestoreUntested"),
    ):
        passed = timedelta(seconds=now.timestamp() - notes.get(good, 0))
        when = f"{age(passed)} ago" if notes.get(good) else "never"
        since = f"; the last one failed (docs/runbooks/{page}.md)" if notes.get(failed) else ""
        lines.append(f"last good {what}: {when}{since}")
    return lines


def age(passed: timedelta) -> str:
    """A time span in its largest unit."""
    minutes = max(0, int(passed.total_seconds() // 60))
    for unit, length in (("d", 24 * 60), ("h", 60)):
        if minutes >= length:
            return f"{minutes // length} {unit}"
    return f"{minutes} min"


def mib(size: float) -> str:
    """Bytes, in MiB."""
    return f"{size / _MIB:.1f} MiB"
