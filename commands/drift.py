"""`drift`: where the host differs from what the files say. It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from commands import pulumi_cli
from commands.context import Context
from commands.error import CommandError
from commands.kinds import CONTAINER, FILES, OWNER, PROMOTION, VOLUME, called
from commands.table import table

DRIFTED = 2
"""Exit code where something differs, so that a scheduled run can tell it from an error."""

_HOW = {"create": "missing", "update": "changed", "replace": "changed", "delete": "not declared"}
# What follows from other changes, and is nothing on the host.
_CONSEQUENCES = ("command:local:Command", "pulumi:providers:docker")
# What follows where something else of the same name differs.
_FOLLOWS = {PROMOTION: CONTAINER, FILES: VOLUME, OWNER: VOLUME}


def run(context: Context) -> int:
    """Print what differs, one line each: 0 where nothing does, 2 where something does."""
    pulumi_cli.deployment(context)
    _ = context.docker  # a host that doesn't answer differs in nothing
    shown = pulumi_cli.capture(context, "preview", "--refresh", "--json", opens=True)
    if shown is None:
        raise CommandError(
            f"stack {context.stack} can't be compared; `{context.make('preview')}` says "
            "what is wrong"
        )
    rows = sorted(set(differences(json.loads(shown)["steps"])))
    if not rows:
        print(f"stack {context.stack}: the host is what the files say")
        return 0
    print(table(("component", "what", "how"), rows))
    print(f"\n`{context.make('up')}` brings the host back to what the files say.")
    return DRIFTED


def differences(steps: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Component, thing and difference, from the steps of a preview that refreshed."""
    differing = {_kind_and_name(step): step for step in steps if step["op"] in _HOW}
    for (kind, name), step in differing.items():
        if kind in _CONSEQUENCES or (_FOLLOWS.get(kind), name) in differing:
            continue
        parent = next((s["parent"] for s in _states(step) if "parent" in s), step["urn"])
        thing, how = called(kind, name), _HOW[step["op"]]
        if kind == PROMOTION:
            thing, how = called(CONTAINER, name), "out of visitors' reach"
        elif how == "changed" and (fields := _fields(step)):
            how = "stopped" if "mustRun" in fields else f"changed: {', '.join(fields)}"
        yield parent.rpartition("::")[2], thing, how


def _kind_and_name(step: Mapping[str, Any]) -> tuple[str, str]:
    *_, kinds, name = step["urn"].split("::")
    return kinds.rpartition("$")[2], name


def _fields(step: Mapping[str, Any]) -> list[str]:
    """The names of what differs. Values may be long, or secret."""
    if step.get("detailedDiff"):
        return sorted(step["detailedDiff"])
    # What a refresh found is in the outputs.
    old: dict[str, Any] = step["oldState"].get("outputs", {})
    new: dict[str, Any] = step["newState"].get("inputs", {})
    names: list[str] = []
    for key in sorted(old.keys() & new.keys() - {"__provider"}):
        before, now = old[key], new[key]
        if isinstance(before, dict) and isinstance(now, dict):
            names += [k or key for k in sorted(before | now) if before.get(k) != now.get(k)]
        elif before != now:
            names.append(key)
    return names


def _states(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (step[state] for state in ("newState", "oldState") if step.get(state))
