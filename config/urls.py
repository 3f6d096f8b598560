"""URLs that people write, with their hosts as DNS knows them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from config.hosts import canonical_host


def redirect_target(text: str) -> str:
    """The URL that a redirect leads to. Raises ValueError with what is allowed."""
    if not _is_url(text):
        raise ValueError("must be a URL, such as https://www.example.org")
    return _ascii_host(text)


def origin(text: str) -> str:
    """A server's scheme, host and port. Raises ValueError with what is allowed."""
    parts = urlsplit(text) if _is_url(text) else None
    if not parts or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError(
            "must be http or https, a host and a port alone, such as http://192.0.2.7:9104"
        )
    return _ascii_host(text.rstrip("/"))


def _ascii_host(url: str) -> str:
    """The URL with its host as DNS knows it; one that is in ASCII already stays as written."""
    parts = urlsplit(url)
    user, at, address = parts.netloc.rpartition("@")
    host, colon, port = address.partition(":")
    if host.isascii():
        return url
    return parts._replace(netloc=user + at + canonical_host(host) + colon + port).geturl()


def _is_url(text: str) -> bool:
    if re.search(r"[\s{}\"`\\]", text):  # would mean something else in the gateway's Caddyfile
        return False
    try:
        parts = urlsplit(text)
        if not _is_address(parts.hostname or ""):
            canonical_host(parts.hostname or "")
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and port != 0


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
