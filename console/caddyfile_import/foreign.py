"""Texts that are no Caddyfile, and what is said of each."""

from __future__ import annotations

import re

from console.caddyfile_import.words import UnreadableError

_BLOCK = "paste a site's block of a Caddyfile, such as `blog.example.org { root * /var/www/blog }`"
_ODD = re.compile(
    "[^\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NGINX = re.compile(
    r"^\s*(?:server_name|listen|location|proxy_pass|fastcgi_pass)\b[^\n]*[;{]", re.MULTILINE
)
_NGINX_END = re.compile(r";[ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_COMMENTS = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*")
_YAML = re.compile(r"(?:---|- )|[A-Za-z_][\w-]*:(?:[ \t]|\Z|\n)")
_JSON = re.compile(r"\{\s*[\"}]\s*[\w@]|\[\s*[\"{\[]")


def without_odd_ends(text: str) -> str:
    """The text with the line ends that Caddy has, and without a mark of its encoding."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def is_yaml(text: str) -> bool:
    """Whether a text begins as YAML does, well or not."""
    return _YAML.match(text, _beginning(text)) is not None


def _beginning(text: str) -> int:
    return _COMMENTS.match(text).end()  # type: ignore[union-attr]


def refuse_foreign(text: str) -> None:
    """Raises UnreadableError for a text that is something else, or holds what no file can."""
    begin = _beginning(text)
    line = text.count("\n", 0, begin) + 1
    if begin == len(text):
        raise UnreadableError(1, f"there is no directive; {_BLOCK}")
    if odd := _ODD.search(text):
        raise UnreadableError(
            text.count("\n", 0, odd.start()) + 1,
            f"this line has {odd[0]!a} in it, which no editor shows; leave it out",
        )
    if text.startswith("<", begin):
        raise UnreadableError(line, f"this is a page or Apache's configuration; {_BLOCK}")
    if _JSON.match(text, begin):
        raise UnreadableError(line, f"this is JSON; {_BLOCK}")
    if _NGINX.search(text) and _NGINX_END.search(text):
        raise UnreadableError(line, f"this is nginx's configuration; {_BLOCK}")
    if is_yaml(text):
        raise UnreadableError(
            line, f"this is YAML: a site's file can be pasted as it is; otherwise {_BLOCK}"
        )


def not_a_caddyfile(line: int) -> UnreadableError:
    """For a text in which nothing is known."""
    return UnreadableError(line, f"this isn't a Caddyfile: it has no directive of one; {_BLOCK}")
