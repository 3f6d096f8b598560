"""A site that the gateway serves: the lines that answer in place of a Caddyfile of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from components.routes import ErrorLines, Files
from components.site.caddyfile import SiteServer, file_lines, not_found_lines
from values.tokens import Token, tokens

_STATUS = "{err.status_code}"


def shared_site(server: SiteServer) -> Files:
    """What answers, and what answers errors.

    The owner's lines stand in a route of their own, where errors can't be handled: what they say
    of errors is taken out, with the matchers that it may name.
    """
    pieces = list(_pieces(server.lines.rstrip("\n")))
    matchers = "\n".join(piece.text for piece in pieces if piece.directive.startswith("@"))
    errors = [
        ErrorLines(
            status=_status(piece.arguments),
            lines=_owned(server, f"{matchers}\n{piece.body}"),
        )
        for piece in pieces
        if piece.directive == "handle_errors"
    ]
    if server.not_found:
        errors.append(ErrorLines(status=_status(["404"]), lines=not_found_lines(server)))
    # As in a block of its own, where Caddy asks those with a status first, and the last of them
    # before all others.
    errors.reverse()
    errors.sort(key=lambda error: not error.status)
    rest = "\n".join(piece.text for piece in pieces if piece.directive != "handle_errors")
    return Files(
        lines=[f"root * {server.root}", *_owned(server, rest), *file_lines(server)],
        errors=errors,
        rules=bool(pieces),
    )


def _owned(server: SiteServer, lines: str) -> Sequence[str]:
    return server.owned(lines, server.hidden).rendered


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A directive of the block itself, with all that belongs to it."""

    directive: str
    arguments: Sequence[str]
    text: str
    """With the comments before it."""
    body: str
    """What stands between its braces."""


def _pieces(lines: str) -> Iterator[_Piece]:
    words = list(tokens(lines))
    begins = [at for at, word in enumerate(words) if word.first and _opens(word)]
    ended = 0
    for at, behind in pairwise([*begins, len(words)]):
        own = words[at:behind]
        opened = [word for word in own if word.text == "{" and not word.quoted and not word.depth]
        yield _Piece(
            directive=own[0].text,
            arguments=[word.text for word in own[1 : own.index(opened[0])]] if opened else [],
            text=lines[ended : own[-1].end].lstrip("\n"),
            body=lines[opened[0].end : own[-1].end - 1].rstrip() if opened else "",
        )
        ended = own[-1].end


def _opens(word: Token) -> bool:
    """Whether a first word of a line begins a directive of the block itself."""
    return not word.depth and (word.quoted or word.text != "}")


def _status(codes: Sequence[str]) -> str:
    """As an expression, what `handle_errors` takes: 404, or 5xx for a hundred of them."""
    exact = [code for code in codes if not code.endswith("xx")]
    tests = [f"{_STATUS} in [{', '.join(exact)}]"] if exact else []
    tests += [
        f"({_STATUS} >= {code[0]}00 && {_STATUS} <= {code[0]}99)"
        for code in codes
        if code.endswith("xx")
    ]
    return " || ".join(tests)
