"""What others know of the gateway: its name, and where its CA lies."""

from __future__ import annotations

GATEWAY = "proxy"
"""What visitors connect to: its component, and its name on the network `services`."""
ROUTER = "router"
"""The component that has hosts and certificates."""
DATA = f"{GATEWAY}-data"
"""The volume with certificates and keys."""
STATE_AT = "/state"
"""Below it the router mounts the volume with certificates and keys: in a folder that can't be
listed, under the id of the stack's state."""
ACCESS_LOG = "ACCESS_LOG"
"""A variable in the router's container: the file with a line of JSON for each request. The logger
is `http.log.access.` and the name of the component."""
ROOT_CERTIFICATE = "caddy/pki/authorities/local/root.crt"
"""Where Caddy keeps the certificate of its own CA, in that volume."""
