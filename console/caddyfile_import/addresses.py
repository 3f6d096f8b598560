"""What the addresses of a block are in a site's file: its hosts, and the name of the site."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from config.hosts import canonical_location
from config.names import NAME

_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[^:/]*)(?::(?P<port>[^/]*))?(?P<path>/.*)?", re.DOTALL
)
_BELOW_VARIABLE = re.compile(
    r"(?:https?://)?([A-Za-z0-9-]+)\.\{(?:\$|env\.)[^{}]*\}(?::\d+)?(/.*)?"
)
_DOMAIN = (
    "placeholders aren't read; a host of one label, such as blog, gets the stack's domain "
    "(homeport:domain)"
)


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Hosts as a site's file has them, and what is said of the addresses."""

    names: Sequence[str]
    said: Sequence[str]
    refused: bool
    """Whether an address names a host, and no site's file can."""


def hosts_of(addresses: Sequence[str]) -> Hosts:
    """The hosts of addresses; none for a block that answers to all, such as `:80`."""
    names: dict[str, str] = {}
    said: list[str] = []
    refused = False
    for address in addresses:
        host, sentences, is_refused = _host(address)
        said += [f"{address}: {sentence}" for sentence in sentences]
        refused = refused or is_refused
        if host:
            names.setdefault(canonical_location(host), host)
    return Hosts(names=list(names.values()), said=list(dict.fromkeys(said)), refused=refused)


def _host(address: str) -> tuple[str, list[str], bool]:
    """A host and its path, or none; what is said of it, and whether it is refused."""
    if below := _BELOW_VARIABLE.fullmatch(address):
        # Without its path, which the same words below would tell again.
        return below[1], [f"{below[1]} gets the stack's domain (homeport:domain) instead"], False
    if "{" in address:
        return "", [_DOMAIN], True
    parts = _ADDRESS.fullmatch(address)
    host, port = (parts["host"], parts["port"] or "") if parts else (address, "")
    host = host.removesuffix(".localhost") if "." in host.removesuffix(".") else host
    if host in ("", "localhost"):
        return "", [], False
    path = (parts["path"] or "").removesuffix("*").rstrip("/") if parts else ""
    try:
        canonical_location(host + path)
    except ValueError as error:
        return "", [str(error)], True
    return host + path, list(_of_ports(parts["scheme"] if parts else "", port)), False


def _of_ports(scheme: str | None, port: str) -> Iterator[str]:
    if scheme == "http" or port == "80":
        yield (
            "visitors get HTTPS here; homeport:plain_http of the stack's file names hosts that "
            "answer plain HTTP as well"
        )
    elif port not in ("", "443"):
        yield f"port {port} isn't the site's to open; homeport:listen of the stack's file has them"


def name_of(hosts: Sequence[str], hint: str, taken: Collection[str]) -> str:
    """What a site may be called, after its first host or else after `hint`, and not as `taken`."""
    whole = canonical_location(hosts[0]) if hosts else hint or "site"
    host, _, path = whole.partition("/")
    labels = host.split(".")
    first = labels[1] if labels[0] == "www" and len(labels) > 2 else labels[0]
    ideas = [path.rpartition("/")[2], first] if path else [first]
    ideas += [whole, *(f"{first}-{number}" for number in range(2, len(taken) + 3))]
    names = (_as_name(idea) for idea in ideas)
    return next((name for name in names if re.fullmatch(NAME, name) and name not in taken), "site")


def _as_name(idea: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", idea.lower())[:40].strip("-_")
