"""Host names as people write them, in the one form that DNS and Caddy use."""

from __future__ import annotations

import re

import idna

MAX_HOST = 253
"""Characters of a whole host name, as DNS bounds it."""
CONSOLE = "console.localhost"
"""Where `python -m console` answers on a person's own machine."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")


def canonical_host(text: str) -> str:
    """The lower-case ASCII form of a host name (`Bücher.Example` is `xn--bcher-kva.example`).

    One label (`welcome`) is fine: the stack's domain is added to it later. Raises
    ValueError with what is allowed.
    """
    if "{$" in text:
        raise ValueError(
            "placeholders aren't read; a host of one label, such as blog, gets the stack's domain "
            "(homeport:domain)"
        )
    if "*" in text:
        raise ValueError(
            "certificates for a wildcard need a DNS plugin, which the official Caddy doesn't "
            "have; list each host"
        )
    try:
        mapped = text if text.isascii() else idna.uts46_remap(text, std3_rules=False)
        # Each label by itself: what other scripts have to keep to isn't asked of ASCII ones.
        labels = [
            label if label.isascii() else idna.alabel(label).decode()
            for label in mapped.lower().removesuffix(".").split(".")
        ]
    except idna.IDNAError as error:
        raise ValueError(f"not a host name: {error}") from error
    host = ".".join(labels)
    if len(host) > MAX_HOST or not all(_LABEL.match(label) for label in labels):
        raise ValueError(
            "not a host name; use letters, digits and hyphens between dots, "
            "each part 1 to 63 characters, such as blog or www.example.org"
        )
    if re.fullmatch(r"[0-9.]+", host):
        raise ValueError(
            "an IP address isn't a host name; use a name such as blog or www.example.org"
        )
    return host


_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+\Z")


def canonical_location(text: str) -> str:
    """A host with an optional path below it: `www.example.org` or `www.example.org/new`.

    The path keeps its case and loses a slash at its end. Raises ValueError with what is allowed.
    """
    name, slash, rest = text.partition("/")
    host = canonical_host(name)
    path = f"{slash}{rest}".rstrip("/")
    if path and (not _PATH.match(path) or {".", ".."} & set(path.split("/"))):
        raise ValueError(
            "not a path; use letters, digits and . _ ~ - between slashes, "
            "such as www.example.org/new"
        )
    return host + path
