"""`python3 -m backup serve`: saves each day at a time, and tells its figures.

The plan is read anew for each run, so another password or repository doesn't restart the service.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backup import figures, notes, vault
from backup.heard import Heard
from backup.job import Job, read_job
from backup.notes import Notes
from backup.restic import NO_REPOSITORY, opens, restic
from backup.saving import COMING, Paths, make_snapshot
from backup.schedule import is_due
from backup.upkeep import keep_well

PORT = 9120
PARTLY_UNREAD = 3
_GLANCE = 5  # seconds between two looks at the clock
_LOOK = 3600  # seconds between two looks into the repository
_HOLD = 6 * 3600  # seconds for which a removal of images may keep a run waiting


@dataclass(frozen=True)
class Places(Paths):
    """Where everything is in the container of the service."""

    plan: Path = Path("/plan/current/plan.json")
    left_out: Path = Path("/state/left-out")
    state: Path = Path("/state")


@dataclass
class Service:
    """One step at a time, so that tests need no clock of their own."""

    places: Places
    told: figures.Told
    clock: Callable[[], float] = time.time
    _looked: float = 0

    def step(self) -> None:
        """Save if that is due, look into the repository if that was long ago, tell the figures."""
        job, now = read_job(self.places.plan), self.clock()
        file = self.places.state / "notes.json"
        known = notes.read(file, now)
        complete = (self.places.copies / "stack").is_dir()
        if is_due(job.at, now, known, complete=complete) and self._run(job, known, now):
            self._looked = 0
        if not 0 <= now - self._looked < _LOOK:
            look(job, known)
            self._looked = now
        notes.keep(known, file)
        self.told.text = figures.text(known)

    def _run(self, job: Job, known: Notes, now: float) -> bool:
        """Save, unless images are removed from the registry at this moment."""
        heard = Heard(job.secrets)
        # The lock before the look, as the one who removes writes the file before it tries the lock.
        with _locked(self.places.state / "lock"):
            if _is_held(self.places.state / "registry-gc", now):
                return False
            unread = 0 if fetch_vault(job, self.places, heard) else 1
            code = make_snapshot(job.plan, self.places, heard)
            if code in (0, PARTLY_UNREAD):
                told = Heard(job.secrets)
                copies, state = self.places.copies, self.places.state
                keep_well(job, known, now, told, copies=copies, state=state)
        known.tried, known.code = now, code
        if code in (0, PARTLY_UNREAD):
            known.done = now
            known.unread = unread + max(heard.unread, code == PARTLY_UNREAD)
            known.code = PARTLY_UNREAD if known.unread else 0
        heard.say(f"the run ended with {known.code}")
        return True


def fetch_vault(job: Job, places: Places, heard: Heard) -> bool:
    """Have the vault's snapshot among the copies, if there is a vault; whether that went well."""
    file = places.copies / "vault/vault.snap"
    if not job.vault:
        file.unlink(missing_ok=True)
        return True
    try:
        vault.fetch(job.vault, file, _folder(places.copies / COMING) / file.name)
    except vault.NoSnapshotError as error:
        heard.say(str(error))
        return False
    return True


def look(job: Job, known: Notes) -> None:
    """Learn from the repository itself what there is. What can't be asked stays as it was."""
    heard = Heard(job.secrets)
    code = opens(job.plan, heard)
    if code == NO_REPOSITORY:
        heard.answer = []
    elif code or restic(job.plan, "snapshots", "--no-lock", "--host", job.plan.host, hear=heard):
        return
    found = sorted(
        (datetime.fromisoformat(one["time"]).timestamp(), _bytes(one)) for one in heard.answer or ()
    )
    known.newest, known.newest_bytes = found[-1] if found else (0, 0)
    known.before_bytes = found[-2][1] if len(found) > 1 else 0


def _bytes(snapshot: Mapping[str, object]) -> int:
    summary = snapshot.get("summary")
    return int(summary["total_bytes_processed"]) if isinstance(summary, dict) else 0


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_held(file: Path, now: float) -> bool:
    """Whether somebody asks for no run now. A file of somebody who was killed counts for hours."""
    return file.exists() and now < file.stat().st_mtime + _HOLD


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def serve() -> None:
    """Run until the container is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    places, told = Places(), figures.Told()
    for name in ("cache", "tmp"):
        _folder(places.state / name)
    os.environ |= {
        "RESTIC_CACHE_DIR": str(places.state / "cache"),
        "TMPDIR": str(places.state / "tmp"),
    }
    told.text = figures.text(notes.read(places.state / "notes.json", time.time()))
    figures.tell(told, PORT)
    service = Service(places, told)
    try:
        while True:
            service.step()
            time.sleep(_GLANCE)
    except KeyboardInterrupt:
        sys.exit(0)
