"""What an update does, told as it happens: a line for each thing that changes or takes long.

The engine writes an event for each step (`--event-log`); all that it prints goes to a log file.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from commands import caddyfile_diff
from commands.kinds import called

Event = Mapping[str, Any]

_LONG = 5  # seconds after which a step that goes on is told
_COLOUR = re.compile(r"<\{%[^%]*%\}>")
_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
_DONE = {"create": "created", "update": "changed", "replace": "replaced", "delete": "removed"}
_PLANNED = {op: f"to be {done}" for op, done in _DONE.items()}
# The engine's steps, as the one thing that they are to a person.
_STEPS = {
    "create": "create",
    "update": "update",
    "create-replacement": "replace",
    "delete": "delete",
    "delete-replaced": "",
    "replace": "",
}
# Keys of dynamic resources, and of the check of every URL, that tell a person nothing.
_UNTOLD = ("__", "triggers")
# What the engine says of the program's end, where the program has said why.
_EMPTY = re.compile(
    r"an unhandled error occurred: program exited|^(update|preview|destroy) failed$"
)


@dataclass
class _Step:
    """One that goes on."""

    name: str
    began: float
    told: bool = False


@dataclass
class Progress:
    """Tells the events of one run to `out`, where a line is kept up to date if it is a terminal."""

    out: TextIO
    steps: TextIO | None = None
    """Where each step goes as a line of JSON too, for a program that shows them."""
    total: int = 0
    """How many things there are, as far as is known."""
    planning: bool = False
    problems: list[str] = field(default_factory=list)
    """What went wrong, each once, in sentences."""
    counts: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    _steps: dict[str, _Step] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _done: int = 0
    _phase: str = ""

    def take(self, event: Event) -> None:
        """Take one event of the engine's."""
        for kind, handler in {
            "resourcePreEvent": self._begin,
            "resOutputsEvent": self._end,
            "resOpFailedEvent": self._fail,
            "diagnosticEvent": self._diagnose,
            "summaryEvent": self._summarise,
        }.items():
            if kind in event:
                handler(event[kind])

    def tick(self) -> None:
        """Tell what goes on for long, and keep a terminal's line up to date."""
        now = time.monotonic()
        for step in self._steps.values():
            if not step.told and now - step.began > _LONG:
                step.told = True
                if not self.out.isatty():
                    self._line(f"  … {step.name}")
        if self.out.isatty():
            self._status(now)

    def finish(self, log: Path) -> None:
        """Tell how it ended; what went wrong comes last."""
        self._clear()
        words = _PLANNED if self.planning else _DONE
        changes = [f"{self.counts[op]} {words[op]}" for op in words if self.counts.get(op)]
        if self.problems:
            ended = [*changes, f"stopped after {self.seconds} s"]
        else:
            ended = [*changes, f"{self.counts.get('same', 0)} unchanged", f"in {self.seconds} s"]
        self._line(f"{', '.join(ended)}; all else is in {log}")
        for problem in self.problems:
            self._line(f"\n{problem}")
        self._write({"changes": self.counts, "seconds": self.seconds, "planned": self.planning})

    def _begin(self, given: Event) -> None:
        about = given["metadata"]
        refreshing = about["op"] == "refresh"
        self._enter("Looking at what is there…" if refreshing else "")
        if _is_thing(about) and (refreshing or _STEPS.get(about["op"])):
            self._steps[about["urn"]] = _Step(_name(about), time.monotonic())
        self.planning = bool(given.get("planning"))
        self._write_step("planned" if self.planning else "begun", about)
        if self.planning and not refreshing:
            self._tell_step(about, "")

    def _end(self, given: Event) -> None:
        about = given["metadata"]
        step = self._steps.pop(about["urn"], None)
        self._done += about["op"] == "same" or bool(_STEPS.get(about["op"]))
        if given.get("planning") or not step or about["op"] == "refresh":
            if step and step.told and not self.out.isatty():
                self._line(f"  … {step.name}: {time.monotonic() - step.began:.0f} s")
            return
        seconds = time.monotonic() - step.began
        self._write_step("done", about)
        self._tell_step(about, f" ({seconds:.0f} s)" if seconds >= 1 else "")

    def _fail(self, given: Event) -> None:
        about = given["metadata"]
        self._steps.pop(about["urn"], None)
        self._write_step("failed", about)
        self._line(f"  ! {_name(about)} failed")

    def _tell_step(self, about: Event, end: str) -> None:
        op = _STEPS.get(about["op"])
        if op and _is_thing(about):
            self._enter("What would change:" if self.planning else "Changing…")
            self._line(f"  {_SIGNS[op]} {_name(about)}{end}")

    def _diagnose(self, given: Event) -> None:
        text = _COLOUR.sub("", given.get("message", "")).strip()
        severity = given.get("severity", "")
        if severity == "debug" or not text or text in self._said or _EMPTY.search(text):
            return
        self._said.add(text)
        if severity == "error":
            self.problems.append(text)
        else:
            self._line(text)

    def _summarise(self, given: Event) -> None:
        changes: Mapping[str, int] = given.get("resourceChanges") or {}
        self.seconds = int(given.get("durationSeconds", 0))
        self.planning = bool(given.get("isPreview"))
        # Components change with what they are made of.
        self.counts = {op: changes[op] for op in (*_DONE, "same") if changes.get(op)}

    def _write_step(self, how: str, about: Event) -> None:
        """What a step does, to what, and the names of what changes: values may be secret. Of a
        preview also what changes in a Caddyfile, which holds none.
        """
        op = _STEPS.get(about["op"])
        if op and _is_thing(about):
            keys = sorted({*(about.get("detailedDiff") or ()), *(about.get("diffs") or ())})
            known = [key for key in keys if not key.startswith(_UNTOLD)]
            line = {"step": how, "op": op, "name": _name(about), "urn": about["urn"], "keys": known}
            lines = caddyfile_diff.of_step(about) if self.planning else []
            self._write({**line, "of": _component(about), "lines": lines})

    def _write(self, line: Mapping[str, object]) -> None:
        if self.steps:
            print(json.dumps(line), file=self.steps, flush=True)

    def _enter(self, phase: str) -> None:
        if phase and phase != self._phase:
            self._phase = phase
            self._line(phase)

    def _line(self, text: str) -> None:
        self._clear()
        print(text, file=self.out, flush=True)

    def _clear(self) -> None:
        if self.out.isatty():
            print("\r\x1b[K", end="", file=self.out)

    def _status(self, now: float) -> None:
        waiting = [step for step in self._steps.values() if now - step.began > 1]
        of_all = f" of {self.total}" if self.total >= self._done else " done"  # of a first update
        text = f"{self._done}{of_all}" if self._done else self._phase
        if waiting:
            longest = min(waiting, key=lambda step: step.began)
            text += f", waiting for {longest.name} ({now - longest.began:.0f} s)"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=self.out, flush=True)


def events(file: TextIO) -> Iterator[Event | None]:
    """The events that a file has by now, and None each time that there is no more yet."""
    rest = ""
    while True:
        rest += file.readline()
        if rest.endswith("\n"):
            yield json.loads(rest)
            rest = ""
        else:
            yield None


def _is_thing(about: Event) -> bool:
    """Whether it is something by itself, and no component, which is made of such."""
    return not about["type"].startswith(("homeport:", "pulumi:"))


def _component(about: Event) -> str:
    """What it is a part of, such as a site."""
    states = (about.get("new") or {}, about.get("old") or {})
    return next((s["parent"].rpartition("::")[2] for s in states if s.get("parent")), "")


def _name(about: Event) -> str:
    return called(about["type"], about["urn"].rpartition("::")[2])
