"""Free lines of a site's owner, as the site's block contains them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.site.content import ROOT
from values.tokens import Token, tokens

Insertion = tuple[int, int, str]
"""Where in the lines, how much of them is replaced there, and by what."""
_PATHS = re.compile(r"\{(?:http\.request\.)?(uri|path)\}")


@dataclass(frozen=True, kw_only=True)
class OwnerLines:
    """Lines as Caddy reads them, and where each comes from."""

    rendered: Sequence[str]
    numbers: Sequence[int]
    """For each rendered line, the number, from 0, of the owner's line that it comes from."""


def owner_lines(
    lines: str, hidden: Sequence[str], *, root: str = ROOT, php: bool = False
) -> OwnerLines:
    """The owner's lines, in which every `file_server` hides what a site never shows.

    The owner writes `ROOT` for the web root, wherever the site is served from; `root` replaces it.

    With `php`, the path that rules see ends with the script (`php.script_lines`). So a
    `redir` of the block itself gets the requested path and query in place of `{uri}` and `{path}`.

    `{$` stays as it is written, though Caddy would replace it with a variable of its environment.
    An empty name with a default after a colon achieves that: no variable has that name, so Caddy
    takes the default.
    """
    lines = lines.rstrip("\n")
    words = list(tokens(lines))
    insertions = _hide(words, lines, f"\thide {' '.join(hidden)}")
    if php:
        insertions += _as_asked(words, lines)
    if root != ROOT:
        insertions += _rooted(words, root)
    insertions.sort()
    rendered: list[str] = []
    numbers: list[int] = []
    begin = 0
    for number, line in enumerate(lines.split("\n") if lines else ()):
        end = begin + len(line)
        text = line
        for position, length, more in reversed(insertions):
            if begin <= position <= end:
                at = position - begin
                text = text[:at] + more + text[at + length :]
        parts = text.replace("{$", "{$:{$}").split("\n")
        rendered += parts
        numbers += [number] * len(parts)
        begin = end + 1
    return OwnerLines(rendered=rendered, numbers=numbers)


def _hide(words: Sequence[Token], lines: str, hide: str) -> list[Insertion]:
    """What is put where: into the block of each `file_server`, or as a block behind it."""
    insertions = []
    for at, word in enumerate(words):
        if not word.first or word.text != "file_server":
            continue
        behind = (i for i in range(at + 1, len(words)) if words[i].first)
        last = words[next(behind, len(words)) - 1]
        if last.text == "{" and not last.quoted:
            end = lines.find("\n", last.end)
            insertions.append((len(lines) if end < 0 else end, 0, f"\n{hide}"))
        else:
            insertions.append((last.end, 0, f" {{\n{hide}\n}}"))
    return insertions


def _rooted(words: Sequence[Token], root: str) -> Iterator[Insertion]:
    """The web root in place of `ROOT`, where a word begins with that."""
    for word in words:
        if word.text == ROOT or word.text.startswith(f"{ROOT}/"):
            yield word.end - len(word.text) - word.quoted, len(ROOT), root


def _as_asked(words: Sequence[Token], lines: str) -> Iterator[Insertion]:
    """`{orig_uri}` in place of `{uri}`, in each `redir` that stands in no block."""
    redirected = False
    for word in words:
        if word.first:
            redirected = word.text == "redir" and not word.depth
        if redirected and not word.first:
            begin = word.end - len(word.text) - word.quoted
            for found in _PATHS.finditer(lines, begin, word.end):
                yield found.start(), len(found[0]), f"{{orig_{found[1]}}}"
