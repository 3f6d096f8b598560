"""Where a stack's gateway listens, by what it is known, and how it is reached."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from values.model import Model


def _port(number: int) -> int:
    if not 1 <= number <= 65535:
        raise ValueError("must be a port, 1 to 65535")
    return number


def _connections(number: int) -> int:
    if not 10 <= number <= 5000:
        raise ValueError("must be a number of connections, 10 to 5000")
    return number


Port = Annotated[int, AfterValidator(_port)]
Scheme = Literal["http", "https"]


class Listen(Model):
    """Where a gateway listens: the only ports that a stack publishes."""

    address: IPv4Address
    http: Port
    https: Port
    connections_per_address: Annotated[int, AfterValidator(_connections)] = 1000
    """How many connections of one visitor's address there may be at once; further ones are
    refused. Private addresses, which many visitors can share, have no limit."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.http == self.https:
            raise ValueError(f"http and https are both {self.http}; give each a port of its own")
        return self


class Entrance(Listen):
    """A stack's gateway, for whoever asks it or says where it is."""

    docker_host: str
    stack: str
    """As its containers' label `homeport.stack` has it."""
    plain_hosts: tuple[str, ...] = ()
    """Full hosts that answer over plain HTTP as well, instead of redirecting to HTTPS."""
    internal_ca: bool
    """Whether its certificates come from the stack's own CA."""
    roots: str | None = None
    """What else its certificates are known by, as PEM; None for what every machine trusts."""

    def schemes(self, host: str) -> Sequence[Scheme]:
        """Those by which a full host answers, instead of redirecting to the other."""
        return ("https", "http") if host in self.plain_hosts else ("https",)

    def url(self, host: str, scheme: Scheme | None = None) -> str:
        """The URL of a full host, as a visitor types it; by default the shortest that answers."""
        scheme = scheme or self.schemes(host)[-1]
        port, usual = (self.http, 80) if scheme == "http" else (self.https, 443)
        return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"
