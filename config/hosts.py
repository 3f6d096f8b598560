"""Host names as people write them, in the one form that DNS and Caddy use."""

from __future__ import annotations

import re

import idna

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")


def canonical_host(text: str) -> str:
    """The lower-case ASCII form of a host name (`Bücher.Example` is `xn--bcher-kva.example`).

    One label (`welcome`) is fine: the stack's domain is added to it later. Raises
    ValueError with what is allowed.
    """
    try:
        ascii_host = idna.encode(text.lower(), uts46=True).decode() if not text.isascii() else text
    except idna.IDNAError as error:
        raise ValueError(f"not a host name: {error}") from error
    host = ascii_host.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise ValueError(
            "not a host name; use letters, digits and hyphens between dots, "
            "each part 1 to 63 characters, such as blog or www.example.org"
        )
    if re.fullmatch(r"[0-9.]+", host):
        raise ValueError("an address is no host name; use a name such as blog or www.example.org")
    return host
