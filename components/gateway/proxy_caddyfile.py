"""The door's Caddyfile: TLS and nothing else, so that a change of sites never touches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.caddy import CONFIG_AT, GLOBAL_OPTIONS, block
from components.entrance import STATE_AT
from components.routes import Route
from values.entrance import Entrance

HEALTH_PORT = 2020
METRICS_PORT = 2021
_ASK_PORT = 2022
ROUTER_METRICS_PORT = 2023
"""Where the door hands on the router's figures: the router stands where sites do, the door not."""
ROUTES_AT = "/etc/routes"
"""Where the door sees the router's generated files."""
SOCKET = f"unix/{STATE_AT}/router"
"""Where the router listens, without the end of the name."""
METRICS_SOCKET = f"unix/{STATE_AT}/metrics.sock"
"""Where the router tells its figures."""
HOSTS = "hosts"
"""Folder of the router's files with an empty file for each host, by name."""
_ROOTS = "acme-roots.pem"
REVISION = "revision"
"""The router's file with the end of its own socket's name."""

# A plain page, whatever went wrong: behind the gateway, 502 and 503 for the most part, or with
# what was asked.
_SORRY = "{err.status_code} {err.status_text}: this site can't answer now, please try again soon."
ERRORS = f"""\
handle_errors 5xx {{
	header Retry-After 10
	respond "{_SORRY}"
}}
handle_errors {{
	respond "{{err.status_code}} {{err.status_text}}"
}}"""

# What other gateways say of a visitor, and programs believe whoever says it. This one says
# X-Forwarded-For, -Proto and -Host, which `reverse_proxy` sets.
_SAID_BY_GATEWAYS = (
    "X-Forwarded*", "Forwarded*", "X-Original-*", "X-Rewrite-*", "X-Real-*", "*Client-IP",
    "CF-*", "X-Envoy-*", "X-Azure-*", "X-Appengine-*", "X-ARR-*", "Front-End-Https", "HTTPS",
    "X-Url-Scheme", "X-Scheme", "X-Host", "X-HTTP-Host-Override", "X-ProxyUser-IP", "Proxy",
    "Remote-*", "X-Remote-*", "X-Client-*",
)  # fmt: skip
_NOT_BELIEVED = "\n".join(f"request_header -{name}" for name in _SAID_BY_GATEWAYS)

# The socket of the router's current configuration alone, so nothing arrives at one that is about to
# stop; one that isn't there yet is waited for. No failure is remembered: it may be one visitor's,
# and would be everybody's. Connections that idle are given up before the router, which drains for
# two seconds, closes them. The router counts requests by host only where no port is beside it, and
# puts the port back.
_TO_ROUTER = f"""\
reverse_proxy {SOCKET}-{{file.{ROUTES_AT}/current/{REVISION}}}.sock {{
	header_up Host {{host}}
	lb_try_duration 15s
	lb_try_interval 100ms
	transport http {{
		keepalive 1s
	}}
}}"""

_NO_CA_RENEWAL = block("pki", block("ca", "maintenance_interval 8760h"))

# A host that was removed is refused a new certificate, and one whose certificate the router
# hasn't got yet doesn't make the door fetch one while a visitor waits.
_ASK = f"""\
@undeclared not file {{
	root {ROUTES_AT}/current/{HOSTS}
	try_files /{{query.domain}}
}}
respond @undeclared 404
@kept file {{
	root {STATE_AT}/caddy/certificates
	try_files /*/{{query.domain}}/{{query.domain}}.crt
}}
respond @kept 200
respond 404"""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What a gateway's Caddyfiles say."""

    routes: Sequence[Route]
    at: Entrance
    acme_directory: str | None = None
    """URL of another ACME server than Let's Encrypt's."""
    stream_close_delay: str
    """How long a websocket may outlive a reload, as Caddy writes durations."""

    @property
    def certificates(self) -> list[str]:
        """The global options that say where certificates come from."""
        if self.at.internal_ca:
            return ["local_certs", "skip_install_trust"]
        return [
            "cert_issuer acme",
            *([f"acme_ca {self.acme_directory}"] if self.acme_directory else []),
            *([f"acme_ca_root {CONFIG_AT}/current/{_ROOTS}"] if self.at.roots else []),
        ]

    @property
    def certificate_files(self) -> dict[str, str]:
        """What stands beside both Caddyfiles for these options."""
        return {_ROOTS: self.at.roots} if self.at.roots else {}


def proxy_caddyfile(gateway: Gateway) -> str:
    """The whole Caddyfile. It says nothing of routes (docs/decisions/0006-reloads.md).

    It listens inside on the numbers that are published: Caddy's `Alt-Svc` names the port that
    it listens on itself. Certificates are those that the router puts into their common storage,
    read on a host's first handshake. A host that has none is refused TLS.
    """
    return "\n".join(
        [
            block(
                "",
                *GLOBAL_OPTIONS,
                f"http_port {gateway.at.http}",
                f"https_port {gateway.at.https}",
                "auto_https disable_redirects",
                *gateway.certificates,
                # The router renews at a third. The door takes that one, and renews what is
                # left only if the router didn't.
                "renewal_window_ratio 0.1",
                block("on_demand_tls", f"ask http://127.0.0.1:{_ASK_PORT}"),
                # The router alone renews the CA's own certificates: two at once would mix theirs.
                *([_NO_CA_RENEWAL] if gateway.at.internal_ca else []),
            ),
            block(f"http://:{HEALTH_PORT}", "bind 127.0.0.1", "respond 200"),
            block(f"http://:{_ASK_PORT}", "bind 127.0.0.1", block("route", _ASK)),
            block(f"http://:{METRICS_PORT}", "metrics"),
            block(f"http://:{ROUTER_METRICS_PORT}", f"reverse_proxy {METRICS_SOCKET}"),
            block(f":{gateway.at.http}", _NOT_BELIEVED, _TO_ROUTER, ERRORS),
            block("https://", block("tls", "on_demand"), _NOT_BELIEVED, _TO_ROUTER, ERRORS),
        ]
    )
