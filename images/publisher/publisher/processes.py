"""Runs programs with limits for time and output, and ends them with the service."""

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
    """The service is stopping."""


class Processes:
    """Keeps track of every running git, so that `stop` can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.stopped = False

    def stop(self) -> None:
        """End all of them, and let no other start."""
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
        """Exit code, output, and the end of stderr. Raises TimeoutError, StoppedError.

        The output goes into a file, so the process's own limit for files bounds it. At the limit
        the kernel ends the process, or, unless `signalled`, fails its write.
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
                    start_new_session=True,  # its own group, so that git's helpers end with it
                    restore_signals=signalled,  # Python ignores SIGXFSZ, and git would inherit that
                )
                self._running.add(process)
            timer = threading.Timer(seconds, _kill, [process])
            timer.start()
            with process:
                tail = b""
                while chunk := cast(BufferedReader, process.stderr).read1(_TAIL):
                    tail = (tail + chunk)[-_TAIL:]  # a server can make git print any amount
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
