"""`probe`: every URL of the stack, asked through the public door."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import urllib3

from commands.context import Context
from components.reach import Door

_PATIENCE = 60  # seconds for all URLs together, for certificates and restarts on the way
_PATIENCE_FOR_CONTENT = 20  # seconds, so that an `up` ends with pages where git is quick


@dataclass(frozen=True)
class Answer:
    """What a URL answers, in a word or two, and whether that is well."""

    text: str
    well: bool
    empty: bool = False
    """A site that has nothing to show yet."""


def run(context: Context) -> int:
    """0 when every URL answers within a minute, else 1 and a line for each that doesn't.

    A site that is fetched from git is given some seconds for its content. Without any it is
    told and accepted: the update did its part, and a remote may be away.
    """
    start = time.monotonic()
    failed = 0
    empty = set()
    with context.door() as door:
        for entry in context.estate.urls():
            fetched = context.estate.remotes.get(entry["name"]) is not None
            answer = ask(door, entry)
            while time.monotonic() - start < _patience(answer, fetched=fetched):
                time.sleep(0.5)
                answer = ask(door, entry)
            if not answer.well:
                failed += 1
                print(f"{entry['url']} ({entry['name']}): {answer.text}", file=sys.stderr)
            if answer.empty and fetched:
                empty.add(entry["name"])
    for name in sorted(empty):
        logs = context.make("logs NAME=publisher")
        print(f"{name}: no content yet; `{logs}` tells what became of it")
    return 1 if failed else 0


def _patience(answer: Answer, *, fetched: bool) -> float:
    if not answer.well:
        return _PATIENCE
    return _PATIENCE_FOR_CONTENT if answer.empty and fetched else 0


def ask(door: Door, entry: dict[str, str]) -> Answer:
    """Ask one URL, as `Estate.urls` lists it. What stands outside is never asked."""
    if entry["kind"] == "upstream":
        return Answer("not asked, it is outside", well=True)
    try:
        status = door.get(entry["url"]).status
    except urllib3.exceptions.HTTPError as error:
        return Answer(f"no answer ({error})", well=False)
    if status == 503:
        return Answer("503, no content yet", well=True, empty=True)
    return Answer(str(status), well=status < 500)
