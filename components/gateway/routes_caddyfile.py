"""What is done with the requests of one host, in Caddy's own words."""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Iterable, Sequence

from components.caddy import block, no_content
from components.content import root_of
from components.gateway.gateway import Gateway
from components.routes import ASKED, Files, Guard, Redirect, Refusal, Route, Upstream

CLOSED = "closed"
"""A folder of the router's data. A file in it, named after a component, has the router answer
writes to that with 503; `make registry-gc` puts one there."""
SITE = "homeport_site"
"""A variable of a request for files: whose they are."""
ACCOUNTS = "accounts"
"""Folder beside the Caddyfile with a file for each component, by name."""

# Other gateways set these headers, and programs trust them from anybody, so the router removes
# them. `reverse_proxy` sets X-Forwarded-For, -Proto and -Host.
_SAID_BY_GATEWAYS = (
    "Forwarded*", "X-Original-*", "X-Rewrite-*", "X-Real-*", "*Client-IP",
    "CF-*", "X-Envoy-*", "X-Azure-*", "X-Appengine-*", "X-ARR-*", "Front-End-Https", "HTTPS",
    "X-Url-Scheme", "X-Scheme", "X-Host", "X-HTTP-Host-Override", "X-ProxyUser-IP", "Proxy",
    "Remote-*", "X-Remote-*", "X-Client-*",
)  # fmt: skip
NOT_BELIEVED = block("(not_believed)", *(f"header_up -{name}" for name in _SAID_BY_GATEWAYS))
"""A snippet that removes them. It stands before every `import not_believed`."""
_SAID_OF_VISITOR = "said-of-visitor"
# The same for files whose owners' rules may ask for it. Once for all sites.
_AS_IT_IS = block(
    f"&({_SAID_OF_VISITOR})",
    *(f"request_header -{name}" for name in ("X-Forwarded*", *_SAID_BY_GATEWAYS)),
    "request_header X-Forwarded-Proto {scheme}",
)

# Looked at only if a file wasn't found, for all sites at once.
_EMPTY = "@homeport_no_content"
_NO_CONTENT = block(
    _EMPTY,
    "expression `{err.status_code} == 404`",
    f'not vars {SITE} ""',
    block("not file", f"root {root_of(f'{{vars.{SITE}}}')}", "try_files /").rstrip(),
).rstrip()

_BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"

_AUTHENTICATED = (
    "header_up -Authorization",
    "header_up X-Authenticated-User {http.auth.user.id}",
)

_SENT_AGAIN = (
    # Only a body that is kept whole can be sent again; that of a usual push has some 10 KB.
    "request_buffers 128KiB",
    block("lb_retry_match", "method GET POST").rstrip(),
)


def handles(routes: Sequence[Route], gateway: Gateway) -> Iterable[str]:
    """The routes of a host, of which the first that fits is taken."""
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


def named_routes(routes: Iterable[Route]) -> Iterable[str]:
    """What `handles` and `error_handles` invoke: each site's lines once, apart from all others'."""
    found = _files(routes)
    if any(files.rules for files in found.values()):
        yield _AS_IT_IS
    for name, files in found.items():
        yield _named_route(_named(name), files.lines)
        for number, error in enumerate(files.errors):
            yield _named_route(_named(name, number), error.lines)


def error_handles(routes: Iterable[Route]) -> Iterable[str]:
    """What is done with the errors of files: the first that fits is taken."""
    found = _files(routes)
    if found:
        yield _NO_CONTENT
        yield block(f"handle {_EMPTY}", no_content("*")).rstrip()
    for name, files in found.items():
        for number, error in enumerate(files.errors):
            named = _named(name, number)
            status = [f"expression `{error.status}`"] if error.status else []
            yield block(f"@{named}", f"vars {SITE} {name}", *status).rstrip()
            yield block(f"handle @{named}", f"invoke {named}").rstrip()


def _files(routes: Iterable[Route]) -> dict[str, Files]:
    """By site, in the order of their names, however many hosts each has."""
    found = {r.component: r.handler for r in routes if isinstance(r.handler, Files)}
    return dict(sorted(found.items()))


def _named_route(name: str, lines: Iterable[str]) -> str:
    # Without `handle` Caddy takes only the first of several directives that have no matcher.
    return block(f"&({name})", block("handle", *lines).rstrip())


def _named(site: str, error: int | None = None) -> str:
    return f"site-{site}" if error is None else f"error{error}-{site}"


def _open(path: str, route: Route, gateway: Gateway) -> Iterable[str]:
    """A path for which nobody is asked for a password. The upstream gets a GET without a body, as a
    slow body would hold one of its threads.
    """
    # Caddy drops a body only where it turns another method into GET.
    yield "method POST"
    # `handle` matches //Health as well; the upstream gets the path as it is written here.
    yield from _handler(route, gateway, "method GET", f"rewrite {path}")


def _guard(component: str, guard: Guard) -> Iterable[str]:
    if not guard.accounts:
        # Caddy takes no `basic_auth` without accounts.
        yield f'header WWW-Authenticate `Basic realm="{component}"`'
        yield "respond 401"
        return
    # For a name that nobody has, `basic_auth` would compare with a hash of cost 14 of its own.
    names = "|".join(_base64(f"{name}:") for name in sorted(guard.accounts))
    asks = "vars_regexp {http.request.header.Authorization}"
    yield f"@stranger not {asks} `^(?i:basic) ({names})`"
    yield block(
        "route",
        'header @stranger WWW-Authenticate `Basic realm="restricted"`',
        "error @stranger 401",
        block("basic_auth", f"import {ACCOUNTS}/{component}").rstrip(),
    ).rstrip()
    if guard.writers is None:
        return
    may = [f"not vars {{http.auth.user.id}} {' '.join(sorted(guard.writers))}"]
    yield block("@reader", "not method GET HEAD", *(may if guard.writers else [])).rstrip()
    yield f"respond @reader {_quoted(guard.denied)} 403"
    # A browser resends passwords that it has stored, so any page could send a form in a writer's
    # name.
    yield block("@browser", "not method GET HEAD", "header Sec-Fetch-Site *").rstrip()
    yield "respond @browser 403"
    if not guard.closed:
        return
    # The Caddyfile doesn't tell where the data is.
    root = f"root {{env.XDG_DATA_HOME}}/{CLOSED}"
    closed = block("file", root, f"try_files /{component}").rstrip()
    yield block("@closed", "not method GET HEAD", closed).rstrip()
    yield "header @closed Retry-After 60"
    yield f"respond @closed {_quoted(guard.closed)} 503"


def _base64(begin: str) -> str:
    """A regular expression of what a text that begins like this is in base64."""
    whole, rest = divmod(8 * len(begin), 6)
    text = base64.b64encode(begin.encode() + bytes(2)).decode()
    if not rest:
        return re.escape(text[:whole])
    # Of the next character the first bits are known, which are 0 behind them here.
    first = _BASE64.index(text[whole])
    return f"{re.escape(text[:whole])}[{_BASE64[first : first + 2 ** (6 - rest)]}]"


def _handler(route: Route, gateway: Gateway, *more: str) -> Iterable[str]:
    """How a request is handled; `more` are further lines for the upstream, if there is one."""
    match route.handler:
        case Upstream(address=address, patience=patience, paths=paths) as upstream:
            if paths:
                yield f"@elsewhere not path {' '.join(paths)}"
                yield "respond @elsewhere 404"
            yield "request_header -X-Forwarded*"
            yield block(
                f"reverse_proxy {address}",
                "import not_believed",
                *([] if upstream.outside else [f"header_up {ASKED} {address}"]),
                f"lb_try_duration {patience}",
                "lb_try_interval 100ms",
                *(_SENT_AGAIN if upstream.repeatable else []),
                f"stream_close_delay {gateway.stream_close_delay}",
                # The gateway has checked the password, and tells the service only the user's name.
                *(_AUTHENTICATED if route.guard else []),
                *more,
            ).rstrip()
        case Redirect(to=to, status=status, keep_path=keep_path):
            yield f"redir {to.rstrip('/') + '{uri}' if keep_path else to} {status}"
        case Files(rules=rules):
            yield f"vars {SITE} {route.component}"
            if rules:
                yield f"invoke {_SAID_OF_VISITOR}"
            yield f"invoke {_named(route.component)}"
        case Refusal(status=status, text=text):
            yield f"respond {_quoted(text)} {status}"


def _quoted(text: str) -> str:
    """One word of a Caddyfile, whatever it holds but a backslash."""
    return '"' + text.replace('"', r"\"") + '"'
