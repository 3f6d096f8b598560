"""What others know of the gateway: its name, where it listens, and where its CA lies."""

from __future__ import annotations

from dataclasses import dataclass

GATEWAY = "proxy"
"""Its component, and its name on the network `services`."""
STATE_AT = "/state"
"""Where the gateway's containers mount the volume with certificates, and the sockets between
them."""
ROOT_CERTIFICATE = f"{STATE_AT}/caddy/pki/authorities/local/root.crt"
"""Where Caddy keeps the certificate of its own CA."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Where a stack's gateway listens on its host, and by what it is known."""

    docker_host: str
    stack: str
    """As its containers' label `homeport.stack` has it."""
    address: str
    http: int
    https: int
    internal_ca: bool
    """Whether its certificates come from the stack's own CA."""
    roots: str | None = None
    """What else its certificates are known by, as PEM; None for what this machine trusts."""
