"""What is said of free lines that Caddy will refuse, or that would protect nothing here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from console.caddyfile_import.known import OFFICIAL, WITH_DIRECTIVES
from console.caddyfile_import.words import Directive, Sentence, walk

_PEERS = ("{remote_host}", "{remote}", "{http.request.remote.host}", "{http.request.remote}")


def warnings(directives: Sequence[Directive]) -> Iterator[Sentence]:
    """Sentences about lines that stay, and that their owner has to change."""
    for one in _lines(directives):
        if one.name == "import":
            yield one.about("import reads the server's files; write the lines themselves")
        elif one.name not in OFFICIAL and not one.name.startswith("@"):
            yield one.about(
                f"{one.name}: the official Caddy 2 has no such directive, and plugins aren't part "
                "of it; remove the line or replace it"
            )
    for one in walk(directives):
        texts = [word.text for word in one.words]
        asked = [text for text in texts if text.startswith("remote_ip")]
        if asked:
            yield one.about(
                "remote_ip is the gateway for every visitor; write client_ip, which is the visitor"
            )
        if any(peer in text for text in texts for peer in _PEERS):
            yield one.about("this is the gateway for every visitor; write {client_ip}")
        if "protocol" in texts[:3] and {"http", "https"} & set(texts):
            yield one.about(
                "protocol is HTTP/1.1 without TLS for every visitor, as the gateway ends TLS; ask "
                "`header X-Forwarded-Proto https`, or remove it"
            )
        if any("{$" in text or "{env." in text for text in texts):
            yield one.about("a site's lines read no environment; write the value itself")


def _lines(directives: Sequence[Directive]) -> Iterator[Directive]:
    """Each directive, and none of what only one of them knows."""
    for one in directives:
        yield one
        if one.name in WITH_DIRECTIVES:
            yield from _lines(one.below)


def unused(directives: Sequence[Directive]) -> list[Directive]:
    """Matchers of the block itself that no line asks."""
    others = [one for one in directives if not one.name.startswith("@")]
    asked = {word.text for one in walk(others) for word in one.words[1:]}
    return [one for one in directives if one.name.startswith("@") and one.name not in asked]
