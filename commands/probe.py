"""`probe`: every URL of the stack, asked through the public door."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import urllib3

from commands.context import Context
from commands.door import Door, open_door

_PATIENCE = 60  # seconds for all URLs together, for certificates and restarts on the way


@dataclass(frozen=True)
class Answer:
    """What a URL answers, in a word or two, and whether that is well."""

    text: str
    well: bool


def run(context: Context) -> int:
    """0 when every URL answers within a minute, else 1 and a line for each that doesn't."""
    deadline = time.monotonic() + _PATIENCE
    failed = 0
    with open_door(context) as door:
        for entry in context.estate.urls():
            answer = ask(door, entry)
            while not answer.well and time.monotonic() < deadline:
                time.sleep(0.5)
                answer = ask(door, entry)
            if not answer.well:
                failed += 1
                print(f"{entry['url']} ({entry['name']}): {answer.text}", file=sys.stderr)
    return 1 if failed else 0


def ask(door: Door, entry: dict[str, str]) -> Answer:
    """Ask one URL, as `Estate.urls` lists it. What stands outside is never asked."""
    if entry["kind"] == "upstream":
        return Answer("not asked, it is outside", well=True)
    try:
        status = door.get(entry["url"]).status
    except urllib3.exceptions.HTTPError as error:
        return Answer(f"no answer ({error})", well=False)
    if status == 503:
        return Answer("503, no content yet", well=True)
    return Answer(str(status), well=status < 500)
