"""One preview or update, as its folder tells it."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from config.edited import Edited

_LOG = 200_000  # characters of a log that a page shows, the last ones
_SENTENCE = re.compile(r"^(config/sites/\S+?)(?::(\d+))?: (.+)$", re.MULTILINE)
Kind = Literal["preview", "up", "try"]
"""A `try` brings the local stack to the edited texts, though the console is of another one."""
State = Literal["running", "well", "failed", "cancelled", "lost"]


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What becomes of a site's folder."""

    folder: str
    """Such as `sites/blog`."""
    given: str = ""
    """The name of the set of pages that take its place; "" for a folder that goes."""
    before: str = ""
    """The digest of what the folder held when somebody began to change it."""
    lines: tuple[str, ...] = ()
    """What changes, by file: `+ new.html`, `~ changed.html`, `- gone.html`."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run is for."""

    kind: Kind
    title: str
    """What it does, such as `Change the site blog`."""
    at: str
    """When it began, to the minute."""
    edited: Edited = field(default_factory=dict)
    """Texts of sites by the file's name: those that a preview lays over the files."""
    before: Edited = field(default_factory=dict)
    """The texts of these files when it began."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Digests of all files that say what the stack is when it began, by their paths."""
    pages: Pages | None = None
    """What becomes of the site's folder; None where that stays as it is."""


@dataclass(frozen=True)
class Step:
    """One thing that changes."""

    how: str
    """`planned`, `begun`, `done` or `failed`."""
    op: str
    """`create`, `update`, `replace` or `delete`."""
    name: str
    keys: tuple[str, ...]
    """What of it changes, by name."""
    of: str = ""
    """What it is a part of, such as a site."""
    lines: tuple[str, ...] = ()
    """What changes in its Caddyfile, as a diff."""


@dataclass(frozen=True)
class Run:
    """A run that began."""

    folder: Path

    @property
    def name(self) -> str:
        """Its number."""
        return self.folder.name

    @property
    def edited(self) -> Path:
        """The file with the texts that a preview reads in place of files, or a try."""
        return self.folder / "edited.json"

    @property
    def about(self) -> About:
        """What it is for."""
        told = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        pages = told.get("pages")
        return About(**told | {"pages": Pages(**pages) if pages else None})

    @property
    def state(self) -> State:
        """How it is. `lost` is one whose command was killed before it could tell."""
        code = self._ended()
        if code is None and self._is_held():
            return "running"
        code = self._ended()  # it may have ended in between
        if code == 0:
            return "well"
        if (self.folder / "cancelled").exists():
            return "cancelled"
        return "lost" if code is None else "failed"

    @property
    def is_cancelling(self) -> bool:
        """Whether it was told to end and hasn't yet."""
        return (self.folder / "cancelled").exists() and self.state == "running"

    @property
    def log(self) -> str:
        """What the command printed."""
        return self._read("log")[-_LOG:]

    @property
    def steps(self) -> list[Step]:
        """What changes, each thing once and as it was told last."""
        steps: dict[str, Step] = {}
        for line in self._lines():
            if "step" in line:
                keys = tuple(line["keys"]) or (
                    steps[line["urn"]].keys if line["urn"] in steps else ()
                )
                lines, of = tuple(line.get("lines", ())), line.get("of", "")
                steps[line["urn"]] = Step(line["step"], line["op"], line["name"], keys, of, lines)
        return list(steps.values())

    @property
    def leads(self) -> list[str]:
        """Where the host names of its sites lead, one sentence each."""
        return [line["leads"] for line in self._lines() if "leads" in line]

    @property
    def sentences(self) -> list[tuple[str, int, str]]:
        """File, line (0 without one) and sentence of each problem of a site's file in the log."""
        found = _SENTENCE.findall(self.log)
        return [(file, int(line or 0), text) for file, line, text in found]

    @property
    def size(self) -> int:
        """How much it has told: it grows with every line."""
        told = sum(len(self._read(name)) for name in ("log", "steps", "ended"))
        return told * 2 + (self.folder / "cancelled").exists()

    def _lines(self) -> list[dict[str, Any]]:
        lines = self._read("steps").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _ended(self) -> int | None:
        code = self._read("ended").strip()
        return int(code) if code else None

    def _is_held(self) -> bool:
        """Whether the newest run's command lives: it has the lock of all runs."""
        newest = max((f.name for f in self.folder.parent.glob("[0-9]*")), default="")
        if newest != self.name:
            return False
        with (self.folder.parent / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
