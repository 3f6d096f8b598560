"""Directives of a pasted Caddyfile, each with its words, its block and its lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_PLAIN = re.compile(r"(?!#|<<|[{}]\Z)[^\s\"`\\]+")


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """What a person should know of lines of the pasted text, which count from 1."""

    line: int
    last: int
    """The last line that it is about."""
    text: str


class UnreadableError(Exception):
    """The text can't be read as a Caddyfile: one sentence says why."""

    def __init__(self, line: int, text: str) -> None:
        self.sentence = Sentence(line=line, last=line, text=text)
        super().__init__(text)


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word, and how it is written."""

    text: str
    raw: str
    """With its quotes."""


def word(text: str) -> Word:
    """A word of a text, in quotes if it needs them."""
    if _PLAIN.fullmatch(text):
        return Word(text=text, raw=text)
    if "`" not in text and ('"' in text or "\\" in text):
        return Word(text=text, raw=f"`{text}`")
    quoted = text.replace('"', '\\"')
    return Word(text=text, raw=f'"{quoted}"')


@dataclass(kw_only=True)
class Directive:
    """A line with the block that it opens; addresses that open a site's block are one as well."""

    words: list[Word]
    line: int
    last: int
    block: list[Directive] | None = None

    @property
    def name(self) -> str:
        return self.words[0].text if self.words else ""

    @property
    def matcher(self) -> str:
        """Which requests it is for, as a Caddyfile of version 2 says it; empty for all."""
        first = self.words[1].text if len(self.words) > 1 else ""
        return first if first.startswith(("/", "@")) else ""

    @property
    def arguments(self) -> list[str]:
        """The words behind the matcher."""
        texts = [one.text for one in self.words[1:]]
        return texts[1:] if texts and (self.matcher or texts[0] == "*") else texts

    @property
    def below(self) -> Sequence[Directive]:
        return self.block or ()

    def about(self, text: str) -> Sentence:
        """A sentence about all of its lines."""
        return Sentence(line=self.line, last=self.last, text=text)

    def with_block(self, block: list[Directive]) -> Directive:
        return replace(self, block=block)


def walk(directives: Sequence[Directive]) -> Iterator[Directive]:
    """Each directive, and each within its block."""
    for directive in directives:
        yield directive
        yield from walk(directive.below)


def rendered(directives: Sequence[Directive], indent: str = "") -> Iterator[str]:
    """The lines of directives, each block indented by two spaces."""
    for directive in directives:
        line = indent + " ".join(one.raw for one in directive.words)
        if directive.block is None:
            yield line
        else:
            yield f"{line} {{" if directive.words else f"{indent}{{"
            yield from rendered(directive.block, f"{indent}  ")
            yield f"{indent}}}"
