"""`python3 -m publisher serve`, or `check FILE`: whether a sources.json can be read."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import uvicorn

from publisher.app import App
from publisher.paths import Paths
from publisher.scheduler import Scheduler
from publisher.sources import SourcesError, load


def main(argv: list[str], paths: Paths, port: int = 8000) -> int:
    """Run one command. Returns the exit code."""
    match argv:
        case ["check", file]:
            try:
                load(Path(file))
            except SourcesError as error:
                print(error, file=sys.stderr)
                return 1
            return 0
        case ["serve"]:
            serve(paths, port)
            return 0
    print("usage: python3 -m publisher serve | check FILE", file=sys.stderr)
    return 2


def serve(paths: Paths, port: int) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    os.umask(0o022)  # the users of sites' containers read what is published
    # uvicorn ends gracefully, then raises the signal again. That mustn't look like a crash.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
    uvicorn.run(
        App(paths, Scheduler(paths)).asgi,
        host="0.0.0.0",  # noqa: S104 - a container without a published port
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Paths()))
