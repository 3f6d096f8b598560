"""What the gateway sends where: plain data that components offer and the gateway takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ASKED = "Homeport-Upstream"
"""The header in which the gateway tells an upstream on its own networks whom it means to ask."""


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Requests are passed on."""

    address: str
    """`name:port` on a network that the gateway stands in, or the URL of a server outside."""
    patience: str = "2s"
    """How long an upstream that doesn't answer is tried again: it hides a restart."""
    repeatable: bool = False
    """Whether any request may arrive twice. Else only GET is sent again if its connection breaks
    before the answer."""
    paths: Sequence[str] = ()
    """What is passed on of all paths, in Caddy's words (`/assets/*`), and nothing else; all where
    there are none."""

    @property
    def outside(self) -> bool:
        """Whether the server is none of the stack's."""
        return "://" in self.address


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


@dataclass(frozen=True, kw_only=True)
class ErrorLines:
    """What answers some errors of a site."""

    status: str
    """An expression of Caddy's that says for which; empty for all."""
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Files:
    """The gateway itself serves files, as lines of a Caddyfile say that know no other site."""

    lines: Sequence[str]
    errors: Sequence[ErrorLines] = ()
    """The first that fits answers."""
    rules: bool = False
    """Whether the lines are the owner's too. Those may ask what headers say of the visitor."""


Handler = Upstream | Redirect | Refusal | Files


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Whom the gateway lets pass: it asks for a name and a password."""

    accounts: Mapping[str, str] = field(repr=False)
    """Hashes of bcrypt by user name."""
    writers: frozenset[str] | None = None
    """Who may do more than read, which is GET and HEAD; None where all may do all."""
    denied: str = ""
    """The text that a reader gets with 403 when they try to write."""
    open: str = ""
    """A path that shows whether the service answers, and that needs no password. The upstream gets
    a GET without a body."""
    closed: str = ""
    """What a writer is told, with 503, while a command keeps the component from being written;
    empty where none does."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for a host, or for a path of it and everything below, and how to handle them."""

    component: str
    """Whose route it is: the name of its access log."""
    host: str
    """Full host name, as visitors type it."""
    path: str
    """Empty for the whole host, or `/new`: that and `/new/…`, never `/newsletter`."""
    handler: Handler
    email: str | None = None
    """The owner's address, given to the certificate authority."""
    guard: Guard | None = None
    """None where all may pass."""
    secret_headers: Sequence[str] = ()
    """Headers in which visitors send secrets, beside `Authorization` and cookies."""
    visited: bool = True
    """False where only programs come, with questions of their own."""
