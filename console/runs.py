"""Previews and updates of the stack: one at a time, each the project's own command in a session of
its own. All that is known of one is in its folder, so it outlives the page and the console.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from config.edited import VARIABLE, Edited
from console.run import About, Kind, Pages, Run

_KEPT = 20  # runs
# The shell notes how the command ended also where nobody waits for it any more.
_NOTING = 'trap : INT; "$@"; echo $? >"$0"'


class BusyError(Exception):
    """Why nothing can be started now, in a sentence."""

    def __init__(self, why: str, run: Run | None = None) -> None:
        super().__init__(why)
        self.run = run


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The runs of one stack."""

    folder: Path
    command: Sequence[str]
    """What runs `preview` and `up`: `python -m commands`, with the stack's name to come."""
    stack: str
    tries_on: str
    """The stack on which somebody tries what isn't published."""
    environment: Mapping[str, str]
    """That of the commands; the stack's passphrase is in it."""
    updating: Callable[[], str] = lambda: ""
    """Who updates the stack from elsewhere, such as a terminal; "" if nobody does."""
    mend: Callable[[], None] = lambda: None
    """Removes the lock of an update that had to be killed."""
    patience: float = 60
    """Seconds in which a cancelled run may finish what it began."""

    def all(self) -> list[Run]:
        """The runs that are kept, the newest first."""
        names = sorted((f.name for f in self.folder.glob("[0-9]*")), reverse=True)
        return [run for name in names if (run := self.get(name))]

    def get(self, name: str) -> Run | None:
        """One run."""
        folder = self.folder / name
        if not name.isdigit() or not (folder / "about.json").is_file():
            return None
        return Run(folder)

    def latest(self) -> Run | None:
        """The newest run."""
        return next(iter(self.all()), None)

    def latest_of_stack(self) -> Run | None:
        """The newest run of the stack itself: what is tried on the local one isn't."""
        return next((run for run in self.all() if run.about.kind != "try"), None)

    def start(
        self,
        about: About,
        prepare: Callable[[], None] = lambda: None,
        laid_over: Edited | None = None,
    ) -> Run:
        """Start a preview or an update, after `prepare`, which nothing else runs beside. All but
        an update read the texts that are `laid_over` the files, by default the edited ones.

        Raises BusyError where something is under way, and whatever `prepare` raises.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(lock):
                run = self.latest()
                what = f"“{run.about.title}”" if run else "Something else"
                raise BusyError(f"{what} is under way.", run)
            if holder := self.updating():
                raise BusyError(f"Stack {self.stack} is being updated by {holder}.")
            prepare()
            return self._spawn(about, about.edited if laid_over is None else laid_over, lock)
        finally:
            os.close(lock)  # the command has it as well, and keeps it for as long as it lives

    def _spawn(self, about: About, laid_over: Edited, lock: int) -> Run:
        past = self.all()
        for old in past[_KEPT - 1 :]:
            shutil.rmtree(old.folder, ignore_errors=True)
        folder = self.folder / f"{int(past[0].name) + 1 if past else 1:06}"
        folder.mkdir(mode=0o700)
        edited = Run(folder).edited
        edited.write_text(json.dumps(laid_over), encoding="utf-8")
        environment = {**self.environment, "YES": "1", "PYTHONUNBUFFERED": "1"}
        environment.pop(VARIABLE, None)
        verb, stack = ("up", self.tries_on) if about.kind == "try" else (about.kind, self.stack)
        argv = [*self.command, verb, "--stack", stack, "--steps", str(folder / "steps")]
        if about.kind != "up":
            environment[VARIABLE] = str(edited)
        if about.kind == "preview":
            argv += ["--refresh", "1"]
        (folder / "about.json").write_text(json.dumps(asdict(about)), encoding="utf-8")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _NOTING, str(folder / "ended"), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                pass_fds=[lock],
            )
        (folder / "session").write_text(str(process.pid))
        threading.Thread(target=process.wait, daemon=True).start()
        return Run(folder)

    def cancel(self, run: Run) -> None:
        """End a run as Ctrl-C does, and by force if it doesn't end in time."""
        if run.state == "running":
            (run.folder / "cancelled").touch()
            threading.Thread(target=self._end, args=(run,)).start()

    def _end(self, run: Run) -> None:
        session = int((run.folder / "session").read_text())
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGINT)
        until = time.monotonic() + self.patience
        while run.state == "running" and time.monotonic() < until:
            time.sleep(0.1)
        left = [p for p in psutil.process_iter() if _session_of(p.pid) == session]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        self.mend()


def an_about(
    kind: Kind,
    title: str,
    edited: Edited,
    before: Edited,
    others: Mapping[str, str],
    *,
    pages: Pages | None = None,
) -> About:
    """What a run that starts now is about."""
    at = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return About(
        kind=kind, title=title, at=at, edited=edited, before=before, others=others, pages=pages
    )


def _locked(lock: int) -> bool:
    """Whether the lock was free, or became so at once: looking at it holds it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0
