"""How quickly a server answers, as h2load and its like over HTTP/3 measure it."""

from __future__ import annotations

import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.checkout import ROOT
from tests.e2e.support.client import Address

TOOLS = {"h2load": "nghttp2-client", "openssl": "openssl"}
"""What it takes beside Docker, with the Debian package of each."""
_CLIENTS = 16


@dataclass(frozen=True)
class Rate:
    """How quickly a server answered one round of requests."""

    per_second: float
    p99: float
    """Milliseconds within which 99 of 100 were answered."""


def h2load(url: str, at: Address, *options: str, requests: int) -> Rate:
    """One round over HTTP/2, or what the options say. RuntimeError unless all are answered with
    200.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        subprocess.run(
            [
                "h2load",
                *(f"--requests={requests}", f"--clients={_CLIENTS}", f"--log-file={log}"),
                *(f"--connect-to={at[0]}:{at[1]}", *options, url),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        return _rate(log.read_text(), f"{url} at {at}", requests)


def paced(url: str, at: Address, *, clients: int, each: int, seconds: int) -> Rate:
    """What clients get who ask so often in a second, each on a connection of HTTP/1.1. Whoever
    isn't answered in time is missing in the rate.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        subprocess.run(
            [
                *("h2load", "--h1", f"--clients={clients}", f"--rps={each}", f"--log-file={log}"),
                *(f"--duration={seconds}", f"--connect-to={at[0]}:{at[1]}", url),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=seconds + 60,
        )
        took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    p99 = took[len(took) * 99 // 100] / 1e3 if took else math.inf
    return Rate(len(took) / seconds, p99)


def h3load(program: Path, url: str, at: Address, *, requests: int) -> Rate:
    """The same over HTTP/3, with what `build_h3load` made."""
    done = subprocess.run(
        [
            *(program, f"-requests={requests}", f"-clients={_CLIENTS}"),
            *(f"-address={at[0]}:{at[1]}", url),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return _rate(done.stdout, f"{url} at {at}", requests)


def build_h3load(folder: Path) -> Path:
    """The program, in this folder. It takes Go."""
    program = folder / "h3load"
    subprocess.run(["go", "build", "-o", program, "."], cwd=ROOT / "bench/h3load", check=True)
    return program


def _rate(log: str, whom: str, requests: int) -> Rate:
    # Each line: when it was sent, in microseconds; status; microseconds until the answer.
    answers = [tuple(map(int, line.split("\t"))) for line in log.splitlines()]
    good = sum(status == 200 for _, status, _ in answers)
    if good != requests:
        raise RuntimeError(f"{whom}: only {good} of {requests} were answered with 200")
    lasted = max(sent + took for sent, _, took in answers) - min(sent for sent, _, _ in answers)
    p99 = sorted(took for _, _, took in answers)[requests * 99 // 100]
    return Rate(requests / lasted * 1e6, p99 / 1e3)
