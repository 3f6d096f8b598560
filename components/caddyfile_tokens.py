"""The words of a Caddyfile, as Caddy's own lexer splits them: enough to tell a directive from the
same word in a text, a path or a comment.

Only Caddy decides what a file means. What is found here is either refused or looked at again in
the configuration that Caddy makes of the file (`caddyfile_lines_adapted`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# What Go's unicode.IsSpace calls one; Python's isspace has some more.
_SPACES = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}


@dataclass(frozen=True, kw_only=True)
class Token:
    """One word. Quotes and the marks of a heredoc are no part of its text."""

    text: str
    line: int
    """The number, from 0, of the line that it begins in."""
    end: int
    """Where it ends in the text."""
    first: bool
    """Whether nothing stands before it in its line."""
    quoted: bool
    """Whether it stands in quotes, in backticks or in a heredoc."""
    doubtful: bool
    """Whether Caddy might take it for the first of a line: its count of lines goes wrong behind
    texts of several lines and behind lines that a backslash continues."""

    @property
    def may_be_directive(self) -> bool:
        """Whether Caddy reads it as the name of a directive, or might."""
        return self.first or self.doubtful


def tokens(text: str) -> Iterator[Token]:
    """Every word of a Caddyfile, in order. A text that isn't closed ends with the file."""
    at = line = 0
    first, doubtful = True, False
    while True:
        while at < len(text):  # what stands between words
            char = text[at]
            if char == "#":
                at = _end_of_line(text, at)
            elif char == "\\" and text[at + 1 : at + 2] == "\n":
                at, line, doubtful = at + 2, line + 1, True
            elif char == "\n":
                at, line, first, doubtful = at + 1, line + 1, True, False
            elif char in _SPACES:
                at += 1
            else:
                break
        if at == len(text):
            return
        value, end, quoted = _word(text, at)
        yield Token(text=value, line=line, end=end, first=first, quoted=quoted, doubtful=doubtful)
        breaks = text.count("\n", at, end)
        at, line, first = end, line + breaks, False
        doubtful = doubtful or breaks > 0


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _word(text: str, at: int) -> tuple[str, int, bool]:
    """The word that begins there, where it ends, and whether it was quoted."""
    if text[at] == "`":
        end = text.find("`", at + 1)
        end = len(text) if end < 0 else end
        return text[at + 1 : end], min(end + 1, len(text)), True
    if text[at] == '"':
        return _in_quotes(text, at + 1)
    end = at
    while end < len(text) and text[end] not in _SPACES:
        escapes = text[end] == "\\" and text[end + 1 : end + 2] not in ("", "\n")
        if text[end] == "\\" and text[end + 1 : end + 2] == "\n" and end > at:
            break  # the line goes on behind the word
        end += 2 if escapes and text[end + 1] not in _SPACES else 1
    word = text[at:end]
    if word.startswith("<<") and len(word) > 2:
        return _heredoc(text, at)
    return word, end, False


def _in_quotes(text: str, at: int) -> tuple[str, int, bool]:
    end = at
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    end = min(end, len(text))
    return text[at:end].replace('\\"', '"'), min(end + 1, len(text)), True


def _heredoc(text: str, at: int) -> tuple[str, int, bool]:
    """The text ends where its marker comes again, wherever in a line that is."""
    begin = _end_of_line(text, at)
    marker = text[at + 2 : begin].replace("\r", "")
    end = text.find(marker, begin + 1)
    if end < 0:
        return text[begin + 1 :], len(text), True
    return text[begin + 1 : end], end + len(marker), True
