"""`probe`: every URL of the stack, asked through the public door."""

from __future__ import annotations

import sys
import time

import urllib3

from commands.context import Context
from commands.door import Door, open_door

_PATIENCE = 60  # seconds for all URLs together, for certificates and restarts on the way


def run(context: Context) -> int:
    """0 when every URL answers within a minute, else 1 and a line for each that doesn't."""
    deadline = time.monotonic() + _PATIENCE
    failed = 0
    with open_door(context) as door:
        for entry in context.estate.urls():
            problem = _problem(door, entry["url"])
            while problem and time.monotonic() < deadline:
                time.sleep(0.5)
                problem = _problem(door, entry["url"])
            if problem:
                failed += 1
                print(f"{entry['url']} ({entry['name']}): {problem}", file=sys.stderr)
    return 1 if failed else 0


def answer(door: Door, url: str) -> str:
    """What a URL answers, in a word or two: its status, or why there is none."""
    try:
        return str(door.get(url).status)
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({error})"


def _problem(door: Door, url: str) -> str:
    """Why the URL doesn't count as serving; empty where it does."""
    got = answer(door, url)
    return "" if got.isdigit() and int(got) < 500 else f"answers {got}" if got.isdigit() else got
