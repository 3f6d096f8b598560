"""What a person reads of an update, from the engine's events."""

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from commands.kinds import WORDS
from commands.progress import Progress, events
from tests.unit.program import Graph

LOG = Path(".engine/output/local-up.log")
DYNAMIC = "pulumi-python:dynamic/homeport:"


def about(op: str, kind: str, name: str) -> dict[str, Any]:
    return {"metadata": {"op": op, "type": kind, "urn": f"urn:pulumi:local::homeport::x::{name}"}}


def step(op: str, kind: str, name: str) -> list[dict[str, Any]]:
    given = about(op, kind, name)
    return [{"resourcePreEvent": given}, {"resOutputsEvent": given}]


def said(severity: str, message: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": severity, "message": message, "color": "raw"}}


def summary(*, preview: bool = False, **changes: int) -> dict[str, Any]:
    given = {"durationSeconds": 7, "resourceChanges": changes, "isPreview": preview}
    return {"summaryEvent": given}


def told(*given: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    shown = Progress(out=out)
    for event in given:
        shown.take(event)
        shown.tick()
    shown.finish(LOG)
    return out.getvalue().split("\n")[:-1]


def test_nothing_new_is_two_lines() -> None:
    assert told(
        *step("refresh", "docker:index/container:Container", "welcome"),
        *step("refresh", f"{DYNAMIC}VolumeFiles", "welcome-config"),
        *step("same", "docker:index/container:Container", "welcome"),
        summary(same=133),
    ) == [
        "Looking at what is there…",
        "133 unchanged, in 7 s; all else is in .engine/output/local-up.log",
    ]


def test_each_thing_that_changes_is_a_line_and_a_component_is_none() -> None:
    assert told(
        *step("create", "homeport:index:CaddySite", "blog"),
        *step("create", "docker:index/volume:Volume", "blog-config"),
        *step("update", f"{DYNAMIC}VolumeFiles", "router-config"),
        *step("create-replacement", "docker:index/container:Container", "blog"),
        *step("replace", "docker:index/container:Container", "blog"),
        *step("delete-replaced", "docker:index/container:Container", "blog"),
        *step("delete", f"{DYNAMIC}Promotion", "shop"),
        *step("update", "command:local:Command", "smoke"),
        summary(create=2, update=2, replace=1, delete=1, same=100),
    ) == [
        "Changing…",
        "  + volume blog-config",
        "  ~ files router-config",
        "  ± container blog",
        "  - visitors' way to shop",
        "  ~ check of every URL",
        "2 created, 2 changed, 1 replaced, 1 removed, 100 unchanged, in 7 s; all else is in "
        ".engine/output/local-up.log",
    ]


def test_a_preview_says_what_would_change() -> None:
    given = about("create", "docker:index/container:Container", "blog") | {"planning": True}
    assert told({"resourcePreEvent": given}, {"resOutputsEvent": given},
                summary(preview=True, create=1, same=9)) == [
        "What would change:",
        "  + container blog",
        "1 to be created, 9 unchanged, in 7 s; all else is in .engine/output/local-up.log",
    ]  # fmt: skip


def test_what_went_wrong_stands_last_each_once_and_without_the_engines_words() -> None:
    lines = told(
        said("error", "<{%reset%}>blog: it isn't healthy<{%reset%}>\n"),
        {"resOpFailedEvent": about("create", f"{DYNAMIC}Promotion", "blog")},
        said("error", "blog: it isn't healthy"),
        said("info#err", "vault: shop: key is new"),
        said("warning", "nothing is fetched"),
        said("debug", "noise"),
        said("error", "an unhandled error occurred: program exited with non-zero exit code: 1"),
        said("error", "update failed"),
        summary(create=1, same=3),
    )
    assert lines == [
        "  ! visitors' way to blog failed",
        "vault: shop: key is new",
        "nothing is fetched",
        "1 created, stopped after 7 s; all else is in .engine/output/local-up.log",
        "",
        "blog: it isn't healthy",
    ]


def test_what_takes_long_is_told_when_it_is_long_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 1.0, 6.0, 7.0, 40.0, 40.0, 40.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    given = about("create", f"{DYNAMIC}HostImage", "caddy:2.11.7")
    out = io.StringIO()
    shown = Progress(out=out)
    shown.take({"resourcePreEvent": given})
    for _ in range(3):
        shown.tick()
    shown.take({"resOutputsEvent": given})
    assert out.getvalue().split("\n") == [
        "  … image caddy:2.11.7", "Changing…", "  + image caddy:2.11.7 (40 s)", "",
    ]  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_much_is_done_and_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    out = Terminal()
    shown = Progress(out=out, total=133)
    for event in step("same", "docker:index/container:Container", "welcome"):
        shown.take(event)
    shown.take({"resourcePreEvent": about("create", f"{DYNAMIC}HostImage", "caddy:2")})
    monkeypatch.setattr(time, "monotonic", lambda: 109.0)
    shown.tick()
    assert out.getvalue().endswith("\r\x1b[K1 of 133, waiting for image caddy:2 (9 s)")
    shown.total = 0  # of a stack that isn't there yet
    shown.tick()
    assert out.getvalue().endswith("\r\x1b[K1 done, waiting for image caddy:2 (9 s)")


def test_events_are_read_while_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text(json.dumps({"a": 1}) + '\n{"b"')
    with file.open() as opened:
        read = events(opened)
        assert [next(read), next(read)] == [{"a": 1}, None]
        with file.open("a") as more:
            more.write(": 2}\n")
        assert [next(read), next(read)] == [{"b": 2}, None]


def test_each_thing_that_a_stack_is_made_of_has_a_word(graph: Graph) -> None:
    kinds = {resource.type for resource in graph.resources if not resource.is_component}
    assert {kind for kind in kinds if not kind.startswith("pulumi:")} <= WORDS.keys()


def test_a_program_that_asks_gets_each_step_as_json_and_never_a_value() -> None:
    out, steps = io.StringIO(), io.StringIO()
    shown = Progress(out=out, steps=steps)
    planned = about("update", f"{DYNAMIC}VolumeFiles", "router-config")
    planned["metadata"] |= {
        "detailedDiff": {
            "files.Caddyfile": {"diffKind": "update"},
            "__provider": {},
            "triggers[0]": {},
        },
        "diffs": ["files"],
        "old": {"inputs": {"files": "planted-old"}, "parent": "urn:pulumi:local::h::x::router"},
        "new": {"inputs": {"files": "planted-new"}, "parent": "urn:pulumi:local::h::x::router"},
    }
    for event in (
        *step("refresh", "docker:index/container:Container", "welcome"),
        {"resourcePreEvent": planned | {"planning": True}},
        *step("same", "docker:index/container:Container", "welcome"),
        *step("create", "homeport:index:CaddySite", "blog"),
        {"resourcePreEvent": about("create-replacement", "docker:index/container:Container", "a")},
        {"resOutputsEvent": about("create-replacement", "docker:index/container:Container", "a")},
        {"resOpFailedEvent": about("create", "docker:index/volume:Volume", "b")},
        summary(update=1, same=2),
    ):
        shown.take(event)
    shown.finish(LOG)
    lines = [json.loads(line) for line in steps.getvalue().splitlines()]
    assert [(at.get("step"), at.get("op"), at.get("name"), at.get("keys")) for at in lines] == [
        ("planned", "update", "files router-config", ["files", "files.Caddyfile"]),
        ("begun", "replace", "container a", []),
        ("done", "replace", "container a", []),
        ("failed", "create", "volume b", []),
        (None, None, None, None),
    ]
    assert lines[0]["of"] == "router"
    assert lines[-1] == {"changes": {"update": 1, "same": 2}, "seconds": 7, "planned": False}
    assert "planted" not in steps.getvalue()
