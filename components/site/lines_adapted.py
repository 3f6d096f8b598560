"""What a site's block may be made of: the check on the configuration that Caddy makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.site.content import ROOT
from components.site.own import FPM_SOCKET, NAMED_ROUTE, PORT, SCRIPT

Problem = tuple[str, str]
"""What is at fault, as its owner wrote it where that is known, and why: together a sentence."""

NOT_HIDDEN = " can't be told what to hide; begin a line with it"
CLOSES = "} closes the site's own block; remove it"
# What an own block may do with a request. Left out is what reads the server's files or environment
# by itself (templates, tracing), shows more than the site (metrics), or isn't part of Caddy as it
# is shipped. What `invoke` names is the program's own (`_is_own`).
_HANDLERS = {
    "authentication", "copy_response", "copy_response_headers", "encode", "error", "file_server",
    "headers", "intercept", "invoke", "log_append", "map", "push", "request_body",
    "reverse_proxy", "rewrite", "static_response", "subroute", "timeouts", "vars",
}  # fmt: skip
# The fields of what opens files and connections. Left out is what opens any file by its name
# (template_file, etag_file_extensions, ca, client_certificate_file) and what goes where a request
# says (dynamic_upstreams, network_proxy).
_FIELDS = {
    "file_server": {
        "handler", "browse", "canonical_uris", "hide", "index_names", "pass_thru", "precompressed",
        "precompressed_order", "root", "status_code",
    },
    "browse": {"file_limit", "reveal_symlinks", "sort"},
    "reverse_proxy": {
        "handler", "flush_interval", "handle_response", "headers", "health_checks",
        "load_balancing", "request_buffers", "response_buffers", "rewrite", "stream_buffer_size",
        "stream_close_delay", "stream_timeout", "transport", "trusted_proxies", "upstreams",
        "verbose_logs",
    },
    "transport": {
        "protocol", "capture_stderr", "compression", "dial_fallback_delay", "dial_timeout", "env",
        "expect_continue_timeout", "keep_alive", "max_conns_per_host", "max_response_header_size",
        "proxy_protocol", "read_buffer_size", "read_timeout", "resolve_root_symlink",
        "response_header_timeout", "root", "split_path", "tls", "versions", "write_buffer_size",
        "write_timeout",
    },
    "tls": {"except_ports", "handshake_timeout", "insecure_skip_verify", "server_name"},
}  # fmt: skip
# At the start of a text any braces do: where Caddy takes a placeholder's name, it strips them.
_PLACEHOLDER = re.compile(r"(?:^[{}]+|\{)(?:env|file|system)\.[^}]*\}?")
# Caddy replaces a rewrite's placeholders in two rounds, so one could make the name of another.
_NESTED = re.compile(r"\{[^}]*\{")
# No other socket: Caddy's own admin endpoint is one, and shows and changes everything.
_ADDRESS = re.compile(rf"[A-Za-z0-9._-]+:[0-9]+|\[[0-9a-f:]+\]:[0-9]+|{re.escape(FPM_SOCKET)}")
# What `handle_errors 404 5xx` is made of. Any other expression can put a placeholder's name
# together from parts.
_STATUS_TEST = re.compile(
    r"(?:\{http\.error\.status_code\} (?:in \[[0-9, ]+\]|[<>]= [0-9]+)(?: && | \|\| )?)+"
)


def problem_of(
    adapted: dict[str, Any], host: str, hidden: Sequence[str], root: str = ROOT
) -> Problem | None:
    """Why an adapted configuration isn't exactly one block of one site of that host; None if it is.

    Each of its file servers must hide what is `hidden`, and serve only what is below `root`.
    """
    if "logging" in adapted:
        return "log", " is set up already: the log of `router` has each request; remove it"
    apps = adapted.get("apps", {})
    servers = list(apps.get("http", {}).get("servers", {}).values())
    if len(servers) == 1 and servers[0]["listen"] != [f":{PORT}"]:
        return "bind", (
            " changes where the gateway finds the site; remove it: the gateway listens where "
            "homeport:listen of the stack's file says"
        )
    if set(apps) != {"http"} or len(servers) != 1 or not _is_own(servers[0], host):
        return "}", CLOSES.removeprefix("}")
    problems = (_problem_at(under, value, hidden, root) for under, value in walk(adapted))
    return next(filter(None, problems), None) or _sends_scripts(adapted)


def _sends_scripts(adapted: dict[str, Any]) -> Problem | None:
    """Where scripts are run, the program's own file server alone may list them."""
    servers = [
        value
        for _, value in walk(adapted)
        if isinstance(value, dict) and value.get("handler") == "file_server"
    ]
    lists = [server for server in servers if SCRIPT not in server.get("hide", ())]
    runs = any(value == NAMED_ROUTE for under, value in walk(adapted) if under == "name")
    return ("file_server", NOT_HIDDEN) if runs and len(lists) > 1 else None


def _is_own(server: dict[str, Any], host: str) -> bool:
    """Whether the site's block is all there is, down to the `log` in its last line."""
    routes = server["routes"]
    fields = {"listen", "routes", "logs"}
    whole = fields <= set(server) <= {*fields, "errors", "named_routes"}
    whole = whole and set(server.get("named_routes", {})) <= {NAMED_ROUTE}
    return whole and len(routes) == 1 and routes[0].get("match") == [{"host": [host]}]


def walk(value: object, under: str = "") -> Iterator[tuple[str, object]]:
    """Every value, with the key it stands under; every key is a value, too."""
    yield under, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield "", key
            yield from walk(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def matcher_sets(adapted: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every set of matchers: a route has them in a list, and so has a `not`."""
    for _, value in walk(adapted):
        for key in ("match", "not"):
            sets = value.get(key) if isinstance(value, dict) else None
            yield from (
                (one for one in sets if isinstance(one, dict)) if isinstance(sets, list) else ()
            )


def _problem_at(under: str, value: object, hidden: Sequence[str], root: str) -> Problem | None:
    if isinstance(value, str):
        return _problem_of_value(under, value, root)
    if not isinstance(value, dict):
        return None
    handler = value.get("handler")
    kind = handler if isinstance(handler, str) else under
    if stray := sorted(set(value) - _FIELDS.get(kind, set(value))):
        return kind, f" with {stray[0]} may read what isn't the site's; remove that"
    if handler == "vars" and (names := [name for name in value if "{" in name]):
        return names[0], " isn't a variable's name; write one without a placeholder"
    if handler == "file_server" and not set(hidden) <= set(value.get("hide", ())):
        return "file_server", NOT_HIDDEN
    return None


def _problem_of_value(under: str, value: str, root: str) -> Problem | None:
    if found := _PLACEHOLDER.search(value):
        return found[0], " reads the server's environment or files; write the value itself"
    match under:
        case "handler" if value not in _HANDLERS:
            return value, " may read or show what isn't the site's; remove it"
        case "root" if not _is_content(value, root):
            return value, f" is not the site's content; leave root at {ROOT} or below"
        case "dial" | "upstream" if not _ADDRESS.fullmatch(value):
            return value, " isn't an address; name host and port, such as api.example.org:80"
        case "expression" | "expr" if not _STATUS_TEST.fullmatch(value):
            return "expression", " may read the server's environment or files; use other matchers"
        case "uri" if _NESTED.search(value):
            return value, " has a placeholder within another; write them side by side"
    return None


def _is_content(path: str, root: str) -> bool:
    inside = path == root or path.startswith(f"{root}/")
    return inside and ".." not in path and "{" not in path
