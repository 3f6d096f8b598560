"""Free lines of a site's owner, as they stand in the site's block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.caddyfile_tokens import Token, tokens


@dataclass(frozen=True, kw_only=True)
class OwnerLines:
    """Lines as Caddy reads them, and where each comes from."""

    rendered: Sequence[str]
    numbers: Sequence[int]
    """For each rendered line, the number, from 0, of the owner's line that it comes from."""


def owner_lines(lines: str, hidden: Sequence[str]) -> OwnerLines:
    """The owner's lines, with each `file_server` of theirs hiding what a site never shows.

    `{$` stays as it is written, where Caddy would put a variable of its environment in place of
    it: Caddy takes what stands behind a colon where no variable has the name, here an empty one.
    """
    lines = lines.rstrip("\n")
    insertions = _hide(list(tokens(lines)), lines, f"\thide {' '.join(hidden)}")
    rendered: list[str] = []
    numbers: list[int] = []
    begin = 0
    for number, line in enumerate(lines.split("\n") if lines else ()):
        end = begin + len(line)
        text = line
        for position, more in reversed(insertions):
            if begin <= position <= end:
                text = text[: position - begin] + more + text[position - begin :]
        parts = text.replace("{$", "{$:{$}").split("\n")
        rendered += parts
        numbers += [number] * len(parts)
        begin = end + 1
    return OwnerLines(rendered=rendered, numbers=numbers)


def _hide(words: Sequence[Token], lines: str, hide: str) -> list[tuple[int, str]]:
    """What is put where: into the block of each `file_server`, or as a block behind it."""
    insertions = []
    for at, word in enumerate(words):
        if not word.first or word.text != "file_server":
            continue
        behind = (i for i in range(at + 1, len(words)) if words[i].first)
        last = words[next(behind, len(words)) - 1]
        if last.text == "{" and not last.quoted:
            end = lines.find("\n", last.end)
            insertions.append((len(lines) if end < 0 else end, f"\n{hide}"))
        else:
            insertions.append((last.end, f" {{\n{hide}\n}}"))
    return insertions
