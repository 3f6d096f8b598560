"""What the gateway and the sites have in common: both are Caddy, run the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from host.files import Files
from host.user import USER

if TYPE_CHECKING:  # renderers use this module, and need nothing of Pulumi
    import pulumi

ADMIN = "unix//tmp/admin.sock"
"""The admin endpoint: a socket in the container's own /tmp, out of every network's reach."""
CONFIG_AT = "/etc/caddy"
# The official image's binary carries this capability and doesn't start without it.
CAPABILITIES = ("NET_BIND_SERVICE",)
GLOBAL_OPTIONS = (f"admin {ADMIN}", "persist_config off", "grace_period 10s")


def block(head: str, *lines: str) -> str:
    """A Caddyfile block with its lines indented; a line may be a block itself."""
    body = "\n".join(line.rstrip() for line in lines)
    indented = "\n".join(f"\t{line}" if line else "" for line in body.split("\n"))
    return f"{head} {{\n{indented}\n}}\n".lstrip()


def no_content(matcher: str) -> str:
    """The lines that answer where nothing was published yet."""
    text = "This site has no content yet; please try again in a minute."
    return f'header {matcher} Retry-After 60\nrespond {matcher} "{text}" 503'


def caddy(verb: str, *options: str) -> list[str]:
    """A Caddy command on the configuration that is current."""
    config = f"{CONFIG_AT}/current/Caddyfile"
    return ["caddy", verb, "--config", config, "--adapter", "caddyfile", *options]


def caddy_files(
    public: Mapping[str, pulumi.Input[str]], secret: Mapping[str, str] | None = None
) -> Files:
    """The Caddyfile by that name, and what belongs to it: validated, and reloaded.

    What is `secret` is read by Caddy alone.
    """
    return Files(
        public=public,
        secret=secret or {},
        owner=USER,
        reason="components.caddy_reason",
        validate=caddy("validate"),
        reload=caddy("reload", "--address", ADMIN),
    )
