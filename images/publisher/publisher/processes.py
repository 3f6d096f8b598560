"""Programs that run for a bounded time, with bounded output, and end with the service."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from io import BufferedReader
from pathlib import Path
from typing import cast

_TAIL = 4096


class StoppedError(Exception):
    """The service ends."""


class Processes:
    """Every git that runs, so that `stop` can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.stopped = False

    def stop(self) -> None:
        """End all, and let no other start."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                _kill(process)

    def run(
        self,
        argv: list[str],
        *,
        env: dict[str, str],
        given: bytes,
        seconds: float,
        tmp: Path,
        signalled: bool,
    ) -> tuple[int, bytes, str]:
        """Exit code, output, and the end of what it said. Raises TimeoutError, StoppedError.

        The output goes into a file, whose size the process's own limit bounds: one that reaches it
        is ended, or, unless `signalled`, told.
        """
        end = time.monotonic() + seconds
        with (
            tempfile.TemporaryFile(dir=tmp) as stdin,
            tempfile.TemporaryFile(dir=tmp) as stdout,
        ):
            stdin.write(given)
            stdin.seek(0)
            with self._lock:
                if self.stopped:
                    raise StoppedError
                process = subprocess.Popen(
                    argv,
                    env=env,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # a group, so that its helpers end with it
                    restore_signals=signalled,  # Python ignores SIGXFSZ, which git inherits
                )
                self._running.add(process)
            timer = threading.Timer(seconds, _kill, [process])
            timer.start()
            with process:
                tail = b""
                while chunk := cast(BufferedReader, process.stderr).read1(_TAIL):
                    tail = (tail + chunk)[-_TAIL:]  # a server can make git say any amount
                process.wait()
            timer.cancel()
            with self._lock:
                self._running.discard(process)
            if self.stopped:
                raise StoppedError
            if process.returncode == -signal.SIGKILL and time.monotonic() >= end:
                raise TimeoutError
            stdout.seek(0)
            return process.returncode, stdout.read(), tail.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
