"""A site's file as a person would write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

import yaml

_PLAIN = re.compile(r"[A-Za-z0-9/][\w./:@?=&%+~-]*")

Value = str | bool | Sequence[str] | Mapping[str, "str | bool"]


def site_text(fields: Mapping[str, Value], lines: Sequence[str]) -> str:
    """The YAML of fields, and of free lines below them if there are any."""
    return "".join(f"{line}\n" for line in _lines(fields, lines))


def _lines(fields: Mapping[str, Value], lines: Sequence[str]) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            pairs = [f"{key}: {_scalar(item)}" for key, item in value.items()]
            if len(pairs) == 1:
                yield f"{name}: {{{pairs[0]}}}"
            else:
                yield f"{name}:"
                yield from (f"  {pair}" for pair in pairs)
        elif isinstance(value, str | bool):
            yield f"{name}: {_scalar(value)}"
        else:
            yield f"{name}: [{', '.join(map(_scalar, value))}]"
    if lines:
        yield "caddyfile: |"
        # A quoted text or a heredoc has lines of its own.
        yield from (f"  {row}" if row else "" for line in lines for row in line.split("\n"))


def _scalar(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if _PLAIN.fullmatch(value) and yaml.safe_load(f"[{value}]") == [value]:
        return value
    return json.dumps(value, ensure_ascii=False)
