"""The router's Caddyfile, rendered from routes: Caddy's own words, by listener and then by host."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby

from components.caddy import GLOBAL_OPTIONS, block
from components.entrance import ACCESS_LOG
from components.gateway.gateway import (
    FIGURES_SOCKET,
    HEALTH_PORT,
    REVISION,
    SOCKETS_AT,
    Gateway,
    script,
)
from components.gateway.routes_caddyfile import (
    ACCOUNTS,
    NOT_BELIEVED,
    error_handles,
    handles,
    named_routes,
)
from components.routes import Route

_SCRIPTS = {name: script(name) for name in ("run.sh", "reload.sh")}

_LOG = "log"
_ACCESS = "http.log.access"
# A line that goes through Docker's log costs Docker more time than the request costs Caddy. Caddy
# encodes each request once for each file, whichever it goes to, so all sites share this one.
# Together the files take 100 MiB. Whatever only validates this doesn't have the variable.
_ACCESS_FILE = block(
    f"output file {{${ACCESS_LOG}:/tmp/access.log}}",
    "roll_size 10MiB",
    "roll_keep 9",
    "roll_uncompressed",
).rstrip()
_HSTS = "header ?Strict-Transport-Security max-age=31536000"
_HEADERS = """\
header ?X-Content-Type-Options nosniff
header ?Referrer-Policy strict-origin-when-cross-origin"""
# Clients of HTTP/3 take a request with this header for malformed.
_DRAIN = """\
@draining {
	vars {http.shutting_down} true
	not protocol http/3
}
header @draining Connection close"""

# One plain line for every error: 5xx with Retry-After, others with the status alone.
_SORRY = "{err.status_code} {err.status_text}: this site can't answer now, please try again soon."
_ERRORS = (
    "@failed `{err.status_code} >= 500`",
    "header @failed Retry-After 10",
    f'respond @failed "{_SORRY}"',
    'respond "{err.status_code} {err.status_text}"',
)

# Refuses unknown hosts. Caddy counts each request that matches a route, labelled with the visitor's
# Host. This matcher fails instead of matching, so invented hosts add no figures.
_MISDIRECTED = """\
@misdirected file {
	try_files =421
}
error @misdirected 421"""

_ONE_BY_ONE = 16
"""How many hosts are compared one after the other. More are compared by so many at once first: with
200, comparing each would take half as long again as the whole request."""

# Stands for the revision until the text is hashed.
_REVISION = "@revision@"


def router_files(gateway: Gateway) -> Mapping[str, str]:
    """The Caddyfile, its revision, and the scripts that run and reload it.

    Each configuration listens on sockets of its own, in a folder named after its revision
    (docs/decisions/0006-reloads.md).
    """
    text = _rendered(gateway)
    # With the accounts: changing one opens new sockets, which lock out whoever was removed.
    beside = sorted({**gateway.certificate_files, **router_secret_files(gateway)}.items())
    revision = hashlib.sha256(f"{text}{beside}".encode()).hexdigest()[:12]
    return {
        "Caddyfile": text.replace(_REVISION, revision),
        REVISION: revision,
        **_SCRIPTS,
        **gateway.certificate_files,
    }


def router_secret_files(gateway: Gateway) -> Mapping[str, str]:
    """Who has an account where, as `basic_auth` reads it: `alice $2b$11$…`."""
    return {
        f"{ACCOUNTS}/{route.component}": "".join(
            f"{name} {hashed}\n" for name, hashed in sorted(route.guard.accounts.items())
        )
        for route in gateway.routes
        if route.guard and route.guard.accounts
    }


def _rendered(gateway: Gateway) -> str:
    hosts = {
        host: list(routes)
        for host, routes in groupby(sorted(gateway.routes, key=_by_host), lambda route: route.host)
    }
    return "\n".join(
        [
            _options(gateway),
            NOT_BELIEVED,
            *named_routes(gateway.routes),
            block(f"http://:{HEALTH_PORT}", "bind 127.0.0.1", "respond 200"),
            block("http://", f"bind unix/{FIGURES_SOCKET}", "metrics"),
            *_certificates(hosts, gateway),
            _https(hosts, gateway),
            *_http(hosts, gateway),
        ]
    )


def _options(gateway: Gateway) -> str:
    """The global options. `https_port` is the published number, because `Alt-Svc` names it."""
    return block(
        "",
        *GLOBAL_OPTIONS,
        *_logs(gateway.routes),
        f"http_port {gateway.at.http}",
        f"https_port {gateway.at.https}",
        "auto_https disable_redirects",
        *gateway.certificates,
        "shutdown_delay 2s",
        block(
            "servers",
            # HAProxy sends the visitor's address before the handshake.
            block("listener_wrappers", "proxy_protocol", "tls").rstrip(),
            # More than a site takes: Caddy's own limit is another one in each version of HTTP.
            "max_header_size 64kB",
        ),
        "metrics {\n\tper_host\n}",
    )


def _logs(routes: Iterable[Route]) -> Iterable[str]:
    """Access logs go to a file, and all else to Docker. Both are JSON, without secrets.

    Caddy itself leaves out cookies and `Authorization`. A filter costs each request an eighth of
    its time, so there is none without other such headers.
    """
    secret = sorted({name for route in routes for name in route.secret_headers})
    deleted = [f"request>headers>{name} delete" for name in secret]
    form = block("format filter", "wrap json", *deleted).rstrip() if secret else "format json"
    yield block("log", f"exclude {_ACCESS}", form).rstrip()
    yield block("log access", f"include {_ACCESS}", _ACCESS_FILE, form).rstrip()


def _by_host(route: Route) -> tuple[str, int, str]:
    """By host; within a host the longest path first, as the first that fits is taken."""
    return route.host, -len(route.path), route.path


def _bind(name: str, *protocols: str) -> str:
    return block(
        f"bind unix/{SOCKETS_AT}/{_REVISION}/{name}.sock", f"protocols {' '.join(protocols)}"
    )


def _certificates(hosts: Mapping[str, Sequence[Route]], gateway: Gateway) -> Iterable[str]:
    """Names each host in a block that no request reaches, so that Caddy keeps its certificate.

    The blocks bind an address, because Caddy's ACME listeners take theirs from it.
    """
    emails = {
        host: next((route.email for route in routes if route.email), None)
        for host, routes in hosts.items()
    }
    for email in sorted({email or "" for email in emails.values()}):
        at = [f"https://{host}" for host, of_host in emails.items() if (of_host or "") == email]
        tls = [f"tls {email}"] if email and not gateway.at.internal_ca else []
        yield block(", ".join(at), "bind 127.0.0.1 {\n\tprotocols h1\n}", *tls, "abort")


def _https(hosts: Mapping[str, Sequence[Route]], gateway: Gateway) -> str:
    """All hosts share one block, so an unknown host matches no route and adds no figures."""
    handles = {
        host: _if_asked(
            f"host-{host}",  # no number: one host more would change the lines of all after it
            [host],
            gateway,
            [*([] if gateway.at.internal_ca else [_HSTS]), *_of_host(routes, gateway)],
        )
        for host, routes in hosts.items()
    }
    lines = list(chain.from_iterable(handles.values()))
    if len(hosts) > _ONE_BY_ONE:
        groups = [list(hosts)[at : at + _ONE_BY_ONE] for at in range(0, len(hosts), _ONE_BY_ONE)]
        lines = []
        for number, group in enumerate(groups):
            of_group = chain.from_iterable(handles[host] for host in group)
            lines += _if_asked(f"hosts{number}", group, gateway, of_group)
    listens = [_bind("https", "h1", "h2"), block("bind 0.0.0.0", "protocols h3")]
    errors = _errors(gateway.routes)
    return block("https://", *listens, _LOG, *lines, _MISDIRECTED, errors)


def _if_asked(
    name: str, hosts: Sequence[str], gateway: Gateway, lines: Iterable[str]
) -> tuple[str, str]:
    """What is done if one of the hosts was asked for: as it is, or as its absolute name, with or
    without the port.
    """
    names = "|".join(map(re.escape, hosts))
    any_of_them = names if len(hosts) == 1 else f"(?:{names})"
    asked = rf"(?i)^{any_of_them}\.?(:{gateway.at.https})?$"
    return f"@{name} header_regexp Host {asked}", block(f"handle @{name}", *lines).rstrip()


def _http(hosts: Mapping[str, Sequence[Route]], gateway: Gateway) -> Iterable[str]:
    at = {host: f"http://{host}, http://{host}." for host in hosts}
    for host, routes in hosts.items():
        if host in gateway.at.plain_hosts:
            answers = _of_host(routes, gateway)
            yield block(at[host], _bind("http", "h1"), _LOG, *answers, _errors(routes))
    if redirected := [at[host] for host in hosts if host not in gateway.at.plain_hosts]:
        to = f"redir {gateway.at.url('{host}', 'https')}{{uri}} 308"
        yield block(", ".join(redirected), _bind("http", "h1"), to)
    yield block("http://", _bind("http", "h1"), "respond 421")


def _errors(routes: Iterable[Route]) -> str:
    # Caddy sorts directives, so what isn't a site's stands in a block of its own.
    own = list(error_handles(routes))
    rest = [block("handle", *_ERRORS).rstrip()] if own else _ERRORS
    return block("handle_errors", *own, *rest).rstrip()


def _of_host(routes: Sequence[Route], gateway: Gateway) -> Iterable[str]:
    """What is done with a host's requests, whatever the scheme."""
    return [_DRAIN, "encode zstd gzip", _HEADERS, *handles(routes, gateway)]
