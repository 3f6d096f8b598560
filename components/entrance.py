"""What others know of the gateway: its name, and where its CA lies."""

from __future__ import annotations

GATEWAY = "proxy"
"""Its component, and its name on the network `services`."""
STATE_AT = "/state"
"""Where the gateway's containers mount the volume with certificates, and the sockets between
them."""
ROOT_CERTIFICATE = f"{STATE_AT}/caddy/pki/authorities/local/root.crt"
"""Where Caddy keeps the certificate of its own CA."""
