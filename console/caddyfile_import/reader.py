"""Reads a pasted Caddyfile into its directives."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from console.caddyfile_import.words import Directive, UnreadableError, Word, word
from values.tokens import Token, tokens

_DEPTH = 50
"""Bound on nested blocks, many times what anybody writes."""
_GAP = re.compile(r"(?:\s|\\|#[^\n]*)*")


def directives_of(text: str) -> list[Directive]:
    """The directives of a whole Caddyfile. Raises UnreadableError."""
    return _Reader(text).read()


@dataclass
class _Reader:
    """Puts words together."""

    text: str
    ended: int = 0  # where the word before ended
    counted: int = 0  # up to where lines were counted
    line: int = 1
    blocks: list[list[Directive]] = field(default_factory=lambda: [[]])
    opened: list[Directive] = field(default_factory=list)
    current: Directive | None = None

    def read(self) -> list[Directive]:
        for token in tokens(self.text):
            begin = self._begin(token)
            self.line += self.text.count("\n", self.counted, begin)
            self.counted = begin
            self._take(token, self._raw(token, begin))
            self.ended = token.end
        if _GAP.match(self.text, self.ended).end() < len(self.text):  # type: ignore[union-attr]
            line = self.text.count("\n", 0, self.ended) + 1
            raise UnreadableError(line, "what follows can't be read: a quote or a << has no end")
        if self.opened:
            raise UnreadableError(
                self.opened[-1].line, "its { isn't closed; paste the block as far as its }"
            )
        return self.blocks[0]

    def _take(self, token: Token, raw: str) -> None:
        if token.text == "}" and not token.quoted:
            self._close()
            return
        if self.current is None or (token.first and (token.text != "{" or token.quoted)):
            self.current = Directive(words=[], line=self.line, last=self.line)
            self.blocks[-1].append(self.current)
        if token.text == "{" and not token.quoted:
            if len(self.opened) == _DEPTH:
                raise UnreadableError(self.line, f"more than {_DEPTH} blocks are nested; nest less")
            self.current.block = []
            self.opened.append(self.current)
            self.blocks.append(self.current.block)
            self.current = None
            return
        self.current.words.append(Word(text=token.text, raw=raw))
        self.current.last = self.line + raw.count("\n")

    def _close(self) -> None:
        if not self.opened:
            raise UnreadableError(
                self.line, "this } closes nothing; paste the block from its start"
            )
        self.blocks.pop()
        self.opened.pop().last = self.line
        self.current = None

    def _begin(self, token: Token) -> int:
        gap = _GAP.match(self.text, self.ended).end()  # type: ignore[union-attr]
        if token.quoted:
            return gap
        if token.end == len(self.text) and self.text[gap : gap + 1] in ('"', "`"):
            line = self.text.count("\n", 0, gap) + 1
            raise UnreadableError(line, f"the {self.text[gap]} isn't closed; add another one")
        return max(self.ended, token.end - len(token.text))

    def _raw(self, token: Token, begin: int) -> str:
        """As it is written, where that means the same in another place."""
        raw = self.text[begin : token.end]
        same = raw == token.text
        if token.quoted:
            same = raw.startswith("<<") or raw[1:-1].replace('\\"', '"') == token.text
        return raw if same else word(token.text).raw
