"""An S3 server on this machine, which takes whatever key it is given and keeps all in memory."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.checkout import ROOT, free_port

from .waiting import wait_until

PROGRAM = ROOT / ".engine/tools/gofakes3"
"""Where setup/test-tools puts it."""


@contextmanager
def s3_server(address: str, bucket: str) -> Iterator[str]:
    """A server at an address of this machine's, with one bucket: what a repository's name begins
    with.
    """
    at = f"{address}:{free_port(address)}"
    process = subprocess.Popen(
        # A test run that is killed takes it along.
        ["setpriv", "--pdeathsig", "KILL", str(PROGRAM), "-host", at, "-backend", "memory",
         "-initialbucket", bucket, "-quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _answers(at, bucket), "the S3 server answers")
        yield f"s3:http://{at}/{bucket}"
    finally:
        process.terminate()
        process.wait()


def _answers(at: str, bucket: str) -> bool:
    urllib.request.urlopen(f"http://{at}/{bucket}", timeout=5).close()
    return True
