"""The router's Caddyfile, rendered from routes. Caddy's own words, one block for each host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from components.caddy import GLOBAL_OPTIONS, block
from components.entrance import STATE_AT
from components.gateway.proxy_caddyfile import (
    ERRORS,
    HEALTH_PORT,
    HOSTS,
    METRICS_PORT,
    METRICS_SOCKET,
    REVISION,
    SOCKET,
    Gateway,
)
from components.routes import Guard, Redirect, Refusal, Route, Upstream

CLOSED_AT = f"{STATE_AT}/closed"
"""Folder with a file for each component that is kept from being written, by name."""
_ACCOUNTS = "accounts"

_HSTS = "header @tls ?Strict-Transport-Security max-age=31536000"
_HEADERS = """\
header ?X-Content-Type-Options nosniff
header ?Referrer-Policy strict-origin-when-cross-origin"""
_DRAIN = """\
@draining vars {http.shutting_down} true
header @draining Connection close"""

_AUTHENTICATED = (
    "header_up -Authorization",
    "header_up X-Authenticated-User {http.auth.user.id}",
)

# In place of the configuration's digest, until it is known.
_REVISION = "@revision@"
_BIND = f"bind {SOCKET}-{_REVISION}.sock"


def router_files(gateway: Gateway) -> Mapping[str, str]:
    """The Caddyfile, and beside it what the door reads: its revision, and which hosts there are.

    Each configuration listens on a socket named after its revision, which the door asks
    (docs/decisions/0006-reloads.md).
    """
    text = _rendered(gateway)
    # With the accounts: whom the old configuration knows is out when the new one is asked.
    accounts = sorted(router_secret_files(gateway).items())
    revision = hashlib.sha256(f"{text}{accounts}".encode()).hexdigest()[:12]
    return {
        "Caddyfile": text.replace(_REVISION, revision),
        REVISION: revision,
        **gateway.certificate_files,
        **{f"{HOSTS}/{route.host}": "" for route in gateway.routes},
    }


def router_secret_files(gateway: Gateway) -> Mapping[str, str]:
    """Who has an account where, as `basic_auth` reads it: `alice $2b$11$…`."""
    return {
        f"{_ACCOUNTS}/{route.component}": "".join(
            f"{name} {hashed}\n" for name, hashed in sorted(route.guard.accounts.items())
        )
        for route in gateway.routes
        if route.guard and route.guard.accounts
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
        block(f"http://:{METRICS_PORT}", f"bind {METRICS_SOCKET}", "metrics"),
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
    tls = [f"tls {email}"] if email and not gateway.at.internal_ca else []
    yield block(f"https://{host}", "bind 127.0.0.1", *tls, "abort")

    to_https = []
    if host not in gateway.at.plain_hosts:
        to_https = [
            "@plain header X-Forwarded-Proto http",
            "log_skip @plain",
            f"redir @plain {gateway.at.url(host, 'https')}{{uri}} 308",
        ]
    yield block(
        f"http://{host}",
        _BIND,
        "log {\n\toutput stdout\n\tformat json\n}",
        *to_https,
        _DRAIN,
        "encode zstd gzip",
        *([] if gateway.at.internal_ca else ["@tls header X-Forwarded-Proto https", _HSTS]),
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
        name = f"log_name {route.component}"
        if route.guard and route.guard.open:
            yield block(
                f"handle {route.guard.open}", name, *_open(route.guard.open, route, gateway)
            ).rstrip()
        guard = _guard(route.component, route.guard) if route.guard else []
        lines = [name, *guard, *_handler(route, gateway)]
        yield block(f"handle{matcher}", *lines).rstrip()
    if all(route.path for route in routes):
        yield block("handle", "respond 404").rstrip()


def _open(path: str, route: Route, gateway: Gateway) -> Iterable[str]:
    """For a path that nobody has a password for: the upstream is asked for it and gets no body,
    as one that arrives slowly would keep a thread of it busy.
    """
    # Caddy leaves a body out where it makes a GET of something else, and only there.
    yield "method POST"
    # The path as it is written here: Caddy takes //Health for it as well.
    yield from _handler(route, gateway, "method GET", f"rewrite {path}")


def _guard(component: str, guard: Guard) -> Iterable[str]:
    if not guard.accounts:
        # Caddy takes no `basic_auth` without accounts.
        yield f'header WWW-Authenticate `Basic realm="{component}"`'
        yield "respond 401"
        return
    yield block("basic_auth", f"import {_ACCOUNTS}/{component}").rstrip()
    if guard.writers is None:
        return
    may = [f"not vars {{http.auth.user.id}} {' '.join(sorted(guard.writers))}"]
    yield block("@reader", "not method GET HEAD", *(may if guard.writers else [])).rstrip()
    yield f"respond @reader {_quoted(guard.denied)} 403"
    # A browser remembers passwords, and any page could have it send them along with a form.
    yield block("@browser", "not method GET HEAD", "header Sec-Fetch-Site *").rstrip()
    yield "respond @browser 403"
    if not guard.closed:
        return
    closed = block("file", f"root {CLOSED_AT}", f"try_files /{component}").rstrip()
    yield block("@closed", "not method GET HEAD", closed).rstrip()
    yield "header @closed Retry-After 60"
    yield f"respond @closed {_quoted(guard.closed)} 503"


def _handler(route: Route, gateway: Gateway, *more: str) -> Iterable[str]:
    """What is done with a request; `more` goes to the upstream, where there is one."""
    match route.handler:
        case Upstream(address=address, patience=patience, paths=paths):
            if paths:
                yield f"@elsewhere not path {' '.join(paths)}"
                yield "respond @elsewhere 404"
            # With the port again. A server of its own name, asked by TLS, is asked by that name.
            host = [] if address.startswith("https://") else ["Host {header.X-Forwarded-Host}"]
            yield block(
                f"reverse_proxy {address}",
                *(f"header_up {header}" for header in host),
                f"lb_try_duration {patience}",
                "lb_try_interval 100ms",
                f"stream_close_delay {gateway.stream_close_delay}",
                # A password has done its part, and the service is told whose it was.
                *(_AUTHENTICATED if route.guard else []),
                *more,
            ).rstrip()
        case Redirect(to=to, status=status, keep_path=keep_path):
            yield f"redir {to.rstrip('/') + '{uri}' if keep_path else to} {status}"
        case Refusal(status=status, text=text):
            yield f"respond {_quoted(text)} {status}"


def _quoted(text: str) -> str:
    """One word of a Caddyfile, whatever it holds but a backslash."""
    return '"' + text.replace('"', r"\"") + '"'
