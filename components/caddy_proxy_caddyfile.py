"""The gateway's Caddyfile, rendered from routes. Caddy's own words, one block for each host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from components.caddy import GLOBAL_OPTIONS, block
from components.routes import Handler, Redirect, Refusal, Route, Upstream

HEALTH_PORT = 2020
METRICS_PORT = 2021

_HSTS = "header ?Strict-Transport-Security max-age=31536000"
_HEADERS = """\
header ?X-Content-Type-Options nosniff
header ?Referrer-Policy strict-origin-when-cross-origin"""
# A plain page, whatever went wrong behind the gateway: 502 and 503, for the most part.
_SORRY = "{err.status_code} {err.status_text}: this site can't answer now, please try again soon."
_ERRORS = f"""\
handle_errors {{
	header Retry-After 10
	respond "{_SORRY}"
}}"""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What a gateway's Caddyfile says."""

    routes: Sequence[Route]
    http: int
    https: int
    internal_ca: bool
    """Certificates from the gateway's own CA, instead of Let's Encrypt."""
    plain_hosts: frozenset[str]
    """Hosts that answer over HTTP as well, instead of redirecting to HTTPS."""
    stream_close_delay: str
    """How long a websocket may outlive a reload, as Caddy writes durations."""


# In place of the configuration's digest, until it is known.
_NAME = "@digest@"
_DRAIN = """\
@draining vars {http.shutting_down} true
header @draining Connection close"""


def proxy_caddyfile(gateway: Gateway) -> str:
    """The whole Caddyfile.

    It listens inside on the numbers that are published: Caddy's `Alt-Svc` and the redirects
    name the port that it listens on itself. A host that it doesn't know gets no certificate,
    so TLS is refused, and over HTTP an empty 404.

    Each configuration also listens on two sockets of its own name, where nobody asks. Caddy
    drains connections before it stops a server only where one of its listeners goes away;
    else a reload closes kept connections under the requests of visitors
    (docs/decisions/0006-reloads.md).
    """
    text = _rendered(gateway)
    return text.replace(_NAME, hashlib.sha256(text.encode()).hexdigest()[:12])


def _rendered(gateway: Gateway) -> str:
    plain_at = f"bind 0.0.0.0 unix//tmp/http-{_NAME}.sock"
    tls_at = f"bind 0.0.0.0 unix//tmp/https-{_NAME}.sock"
    blocks = [
        block(
            "",
            *GLOBAL_OPTIONS,
            f"http_port {gateway.http}",
            f"https_port {gateway.https}",
            "auto_https disable_redirects",
            *(["local_certs", "skip_install_trust"] if gateway.internal_ca else []),
            "shutdown_delay 2s",
            "metrics {\n\tper_host\n}",
        ),
        block(f":{HEALTH_PORT}", "bind 127.0.0.1", "respond 200"),
        block(f":{METRICS_PORT}", "bind 127.0.0.1", "metrics"),
        block(f":{gateway.http}", plain_at, "respond 404"),
        block("https://", tls_at, "respond 404"),
    ]
    for host, routes in groupby(sorted(gateway.routes, key=_by_host), lambda route: route.host):
        blocks += _host_blocks(host, list(routes), gateway, plain_at, tls_at)
    return "\n".join(blocks)


def _by_host(route: Route) -> tuple[str, int, str]:
    """By host; within a host the longest path first, as the first that fits is taken."""
    return route.host, -len(route.path), route.path


def _host_blocks(
    host: str, routes: Sequence[Route], gateway: Gateway, plain_at: str, tls_at: str
) -> Iterable[str]:
    serve = [
        "log {\n\toutput stdout\n\tformat json\n}",
        _DRAIN,
        "encode zstd gzip",
        _HEADERS,
        *_handles(routes, gateway),
        _ERRORS,
    ]
    email = next((route.email for route in routes if route.email), None)
    tls = [f"tls {email}"] if email and not gateway.internal_ca else []
    yield block(f"https://{host}", tls_at, *tls, *([] if gateway.internal_ca else [_HSTS]), *serve)
    if host in gateway.plain_hosts:
        yield block(f"http://{host}", plain_at, *serve)
    else:
        port = "" if gateway.https == 443 else f":{gateway.https}"
        yield block(f"http://{host}", plain_at, f"redir https://{host}{port}{{uri}} 308")


def _handles(routes: Sequence[Route], gateway: Gateway) -> Iterable[str]:
    for number, route in enumerate(routes):
        matcher = ""
        if route.path:
            matcher = f" @route{number}"
            yield f"@route{number} path {route.path} {route.path}/*"
        handler = _handler(route.handler, gateway)
        yield block(f"handle{matcher}", f"log_name {route.component}", handler).rstrip()
    if all(route.path for route in routes):
        yield block("handle", "respond 404").rstrip()


def _handler(handler: Handler, gateway: Gateway) -> str:
    match handler:
        case Upstream(address=address, patience=patience):
            lines = [
                f"lb_try_duration {patience}",
                "lb_try_interval 100ms",
                f"stream_close_delay {gateway.stream_close_delay}",
            ]
            if address.startswith("https://"):
                lines.append("header_up Host {upstream_hostport}")
            return block(f"reverse_proxy {address}", *lines).rstrip()
        case Redirect(to=to, status=status, keep_path=keep_path):
            return f"redir {to.rstrip('/') + '{uri}' if keep_path else to} {status}"
        case Refusal(status=status, text=text):
            return f'respond "{text}" {status}'
