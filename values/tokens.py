"""The words of a Caddyfile, as Caddy's own lexer splits them: a directive is told from the same
word in a text, a path or a comment.

Escapes, comments, quotes and heredocs are as Caddy 2.11 reads them (its
`caddyconfig/caddyfile/lexer.go`), its counting of lines included, which decides what begins one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What Go's unicode.IsSpace calls one; Python's isspace has some more.
_SPACES = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}
# Letters that say nothing else within a word, and within quotes: they are taken all at once.
_OF_A_WORD = re.compile(rf"[^\\{''.join(sorted(_SPACES))}]*")
_OF_A_TEXT = re.compile(r"[^\\\"`\n]*")
_MARKER = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Token:
    """One word. Quotes and the marks of a heredoc are no part of its text."""

    text: str
    end: int
    """Where it ends in the Caddyfile."""
    first: bool
    """Whether Caddy takes it for the first of a line."""
    quoted: bool
    """Whether it stands in quotes, in backticks or in a heredoc."""
    depth: int
    """How many blocks it stands in."""


def tokens(text: str) -> Iterator[Token]:
    """Every word of a Caddyfile, in order, up to what Caddy refuses to read."""
    lexer = _Lexer(text)
    depth = ended = 0  # the line in which the word before ended
    while (word := lexer.next()) is not None:
        value, began, quote = word
        depth -= value == "}" and not quote
        yield Token(
            text=value, end=lexer.ended, first=ended < began, quoted=bool(quote), depth=depth
        )
        depth += value == "{" and not quote
        # The lines with a heredoc's markers are no part of its text.
        ended = began + value.count("\n") + (2 if quote == "<" else 0)


class _Lexer:
    """Reads one word after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.ended = 0
        """Where the last word ended."""
        self._line = 1
        self._skipped = 0  # line ends that Caddy adds with the next one

    def next(self) -> tuple[str, int, str] | None:
        """A word, the line in which it begins, and its quote; None where there is none."""
        word, escaped, comment, escaped_heredoc = "", False, False, False
        began = self._line
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if word.startswith("<<") and not escaped_heredoc:
                if char == "\n":
                    return self._heredoc(word[2:], began)
                if char == " ":
                    self.ended = self._at - 1
                    return word, began, ""
                word += char.replace("\r", "")
                continue
            if char == "\\" and not escaped:
                escaped = True
            elif char in _SPACES:
                if char == "\n":
                    self._end_line(escaped=escaped)
                    escaped = comment = False
                if word and char != "\r":
                    self.ended = self._at - 1
                    return word, began, ""
            elif comment or (char == "#" and not word):
                comment = True
            elif char in '"`' and not word:
                return self._quoted(char, self._line, escaped=escaped)
            else:
                began = began if word else self._line
                escaped_heredoc = escaped_heredoc or (escaped and char == "<")
                word += ("\\" if escaped and char != "<" else "") + char
                escaped = False
                if not word.startswith("<"):  # which may begin a heredoc
                    word += self._run(_OF_A_WORD)
        self.ended = self._at
        return (word, began, "") if word else None

    def _run(self, letters: re.Pattern[str]) -> str:
        """All of these letters that come next."""
        found = letters.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _end_line(self, *, escaped: bool) -> None:
        if escaped:
            self._skipped += 1
        else:
            self._line += 1 + self._skipped
            self._skipped = 0

    def _quoted(self, quote: str, began: int, *, escaped: bool) -> tuple[str, int, str] | None:
        word = ""
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == "\\" and not escaped and quote == '"':
                escaped = True
                continue
            if escaped and quote == '"':
                word += "\\" if char != '"' else ""
                escaped = False
            elif char == quote:
                self.ended = self._at
                return word, began, quote
            if char == "\n":
                self._end_line(escaped=False)
            word += char + self._run(_OF_A_TEXT)
        self.ended = self._at
        return (word, began, "") if word else None

    def _heredoc(self, marker: str, began: int) -> tuple[str, int, str] | None:
        """The text ends where its marker comes again, wherever in a line that is."""
        found = self._text.find(marker, self._at) if _MARKER.fullmatch(marker) else -1
        if found < 0:
            return None
        body = self._text[self._at : found]
        self._at = self.ended = found + len(marker)
        self._line += 1 + body.count("\n") + self._skipped
        self._skipped = 0
        rows, _, padding = body.rpartition("\n")
        text = "\n".join(row[len(padding) :] for row in rows.split("\n"))
        return text.replace("\r", ""), began, "<"
