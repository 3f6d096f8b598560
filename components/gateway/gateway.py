"""What the gateway's containers are configured from, and the ports and sockets that they share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.caddy import CONFIG_AT
from components.entrance import DATA, GATEWAY
from components.routes import Refusal, Route
from components.saved import Saved
from values.entrance import Entrance

HEALTH_PORT = 2020
FIGURES_PORT = 2021
ROUTER_FIGURES_PORT = 2023
"""Where HAProxy serves the router's figures, because sites could ask the router itself."""
SOCKETS_AT = "/sockets"
"""Where both containers mount the volume of their sockets."""
CURRENT = f"{SOCKETS_AT}/current"
"""A link to the sockets of the running configuration. HAProxy connects through it, and `reload.sh`
moves it."""
FIGURES_SOCKET = f"{SOCKETS_AT}/figures.sock"
"""Where the router serves its figures."""
REVISION = "revision"
"""A file of the router. It tells the scripts in which folder this configuration listens."""
ROOTS = "acme-roots.pem"
SAVED = (Saved(volume=DATA, component=GATEWAY, without=("caddy/locks", "closed", "logs")),)
"""What a backup has of the gateway: certificates, keys and the CA. Which visitors came isn't kept
for longer than the log itself is."""


def script(name: str) -> str:
    """The text of a script that runs in one of the containers."""
    return Path(__file__).with_name("scripts").joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What a gateway serves, and where."""

    routes: Sequence[Route]
    at: Entrance
    acme_directory: str | None = None
    """URL of another ACME server than Let's Encrypt's."""
    stream_close_delay: str
    """How long a websocket may outlive a reload, as Caddy writes durations."""

    def refusing(self, components: Collection[str]) -> Gateway:
        """The same, but that nothing is served of these components."""
        refusal = Refusal(status=503, text="This site's configuration was refused.")
        return replace(
            self,
            routes=[
                replace(route, handler=refusal) if route.component in components else route
                for route in self.routes
            ],
        )

    @property
    def certificates(self) -> list[str]:
        """The global options that say where certificates come from."""
        if self.at.internal_ca:
            return ["local_certs", "skip_install_trust"]
        return [
            "cert_issuer acme",
            *([f"acme_ca {self.acme_directory}"] if self.acme_directory else []),
            *([f"acme_ca_root {CONFIG_AT}/current/{ROOTS}"] if self.at.roots else []),
        ]

    @property
    def certificate_files(self) -> dict[str, str]:
        """What stands beside the Caddyfile for these options."""
        return {ROOTS: self.at.roots} if self.at.roots else {}
