"""What the gateway sends where: plain data that components offer and the gateway takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Requests are passed on."""

    address: str
    """`name:port` on a network that the gateway stands in, or the URL of a server outside."""
    patience: str = "2s"
    """How long an upstream that doesn't answer is tried again: it hides a restart."""


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """Visitors are sent to a URL."""

    to: str
    status: int
    keep_path: bool


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The gateway itself says why there is nothing."""

    status: int
    text: str


Handler = Upstream | Redirect | Refusal


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for a host, or for a path of it and all below, and what is done with them."""

    component: str
    """Whose route it is: the name of its access log."""
    host: str
    """Full host name, as visitors type it."""
    path: str
    """Empty for the whole host, or `/new`: that and `/new/…`, never `/newsletter`."""
    handler: Handler
    email: str | None = None
    """The owner's address, given to the certificate authority."""
