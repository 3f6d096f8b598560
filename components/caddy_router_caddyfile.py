"""The router's Caddyfile, rendered from routes. Caddy's own words, one block for each host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from components.caddy import GLOBAL_OPTIONS, block
from components.caddy_proxy_caddyfile import (
    ERRORS,
    HEALTH_PORT,
    HOSTS,
    REVISION,
    SOCKET,
    Gateway,
)
from components.routes import Handler, Redirect, Refusal, Route, Upstream

METRICS_PORT = 2021

_HSTS = "header @tls ?Strict-Transport-Security max-age=31536000"
_HEADERS = """\
header ?X-Content-Type-Options nosniff
header ?Referrer-Policy strict-origin-when-cross-origin"""
_DRAIN = """\
@draining vars {http.shutting_down} true
header @draining Connection close"""

# In place of the configuration's digest, until it is known.
_REVISION = "@revision@"
_BIND = f"bind {SOCKET}.sock {SOCKET}-{_REVISION}.sock"


def router_files(gateway: Gateway) -> Mapping[str, str]:
    """The Caddyfile, and beside it what the door reads: its revision, and which hosts there are.

    Each configuration listens on one socket that is always the same, and on one named after
    its revision, which the door asks (docs/decisions/0006-reloads.md).
    """
    text = _rendered(gateway)
    revision = hashlib.sha256(text.encode()).hexdigest()[:12]
    return {
        "Caddyfile": text.replace(_REVISION, revision),
        REVISION: revision,
        **gateway.certificate_files,
        **{f"{HOSTS}/{route.host}": "" for route in gateway.routes},
    }


def _rendered(gateway: Gateway) -> str:
    blocks = [
        block(
            "",
            *GLOBAL_OPTIONS,
            "auto_https disable_redirects",
            *gateway.certificates,
            "shutdown_delay 2s",
            block("servers", "trusted_proxies_unix"),
            "metrics {\n\tper_host\n}",
        ),
        block(f"http://:{HEALTH_PORT}", "bind 127.0.0.1", "respond 200"),
        block(f"http://:{METRICS_PORT}", "bind 127.0.0.1", "metrics"),
        block("http://", _BIND, "respond 404"),
    ]
    for host, routes in groupby(sorted(gateway.routes, key=_by_host), lambda route: route.host):
        blocks += _host_blocks(host, list(routes), gateway)
    return "\n".join(blocks)


def _by_host(route: Route) -> tuple[str, int, str]:
    """By host; within a host the longest path first, as the first that fits is taken."""
    return route.host, -len(route.path), route.path


def _host_blocks(host: str, routes: Sequence[Route], gateway: Gateway) -> Iterable[str]:
    # Nobody asks here: a block of this kind is how Caddy is told to keep a certificate.
    email = next((route.email for route in routes if route.email), None)
    tls = [f"tls {email}"] if email and not gateway.internal_ca else []
    yield block(f"https://{host}", "bind 127.0.0.1", *tls, "abort")

    to_https = []
    if host not in gateway.plain_hosts:
        port = "" if gateway.https == 443 else f":{gateway.https}"
        to_https = [
            "@plain header X-Forwarded-Proto http",
            "log_skip @plain",
            f"redir @plain https://{host}{port}{{uri}} 308",
        ]
    yield block(
        f"http://{host}",
        _BIND,
        "log {\n\toutput stdout\n\tformat json\n}",
        *to_https,
        _DRAIN,
        "encode zstd gzip",
        *([] if gateway.internal_ca else ["@tls header X-Forwarded-Proto https", _HSTS]),
        _HEADERS,
        *_handles(routes, gateway),
        ERRORS,
    )


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
            return block(
                f"reverse_proxy {address}",
                f"lb_try_duration {patience}",
                "lb_try_interval 100ms",
                f"stream_close_delay {gateway.stream_close_delay}",
            ).rstrip()
        case Redirect(to=to, status=status, keep_path=keep_path):
            return f"redir {to.rstrip('/') + '{uri}' if keep_path else to} {status}"
        case Refusal(status=status, text=text):
            return f'respond "{text}" {status}'
