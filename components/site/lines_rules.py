"""Finds free lines that look like protection but protect nothing, or that never answer anybody. It
reads the configuration that Caddy makes of them.

A site is behind the gateway. Its peer is always the gateway, which has ended TLS, and its container
runs nothing but the site itself.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from components.site.lines_adapted import Problem, matcher_sets, walk
from components.site.lines_paths import problems_of_paths
from components.site.own import FPM_HEALTH_SOCKET, FPM_SOCKET

_HASH = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$.+")
_HERE = "is the site's own container, where nothing of yours runs"
_TO_HTTPS = re.compile(r"https://\{http\.request\.(host|hostport)\}\{http\.request\.(orig_)?uri\}")
_STATUS_OF = ("static_response", "error", "file_server")
# Caddy's words in the configuration, and as a person writes them.
_PEER = {
    "{http.request.remote.host}": "{remote_host}",
    "{http.request.remote}": "{remote}",
    "{http.request.remote.port}": "{remote_port}",
}
# Variables by which the gateway tells sites apart, and logs each request.
_OF_GATEWAY = ("access_logger_names", "client_ip", "homeport_site", "log_skip")
_SOCKETS = (FPM_SOCKET, FPM_HEALTH_SOCKET)


@dataclass(frozen=True, kw_only=True)
class Server:
    """What else is known of the site."""

    runtime: str
    egress: bool
    """Whether the site reaches the outside."""
    shared: bool = False
    """Whether the gateway serves it."""


def problem_of_rules(adapted: Mapping[str, Any], server: Server) -> Problem | None:
    """The first rule that doesn't do what it seems to do; None if there is none."""
    return next(_problems(adapted, server), None)


def _problems(adapted: Mapping[str, Any], server: Server) -> Iterator[Problem]:
    for matchers in matcher_sets(adapted):
        yield from _of_set(matchers)
    for _, value in walk(adapted):
        if isinstance(value, dict):
            yield from _of_handler(value, server)
    yield from _of_redirects(adapted)
    if server.runtime == "php":
        yield from problems_of_paths(adapted)


def _of_set(matchers: Mapping[str, Any]) -> Iterator[Problem]:
    if "remote_ip" in matchers:
        yield (
            "remote_ip",
            " is the gateway for every visitor; write client_ip, which is the visitor",
        )
    if "protocol" in matchers and matchers["protocol"] != "grpc":
        yield (
            "protocol",
            " is HTTP/1.1 without TLS for every visitor, as the gateway ends TLS; it sends "
            "visitors to HTTPS by itself, so remove it, or ask `header X-Forwarded-Proto https`",
        )
    asked = [*matchers.get("vars", ()), *matchers.get("vars_regexp", ())]
    for name in [name for name in asked if name in _PEER]:
        yield _PEER[name], " is the gateway for every visitor; write {client_ip}"


def _of_handler(value: Mapping[str, Any], server: Server) -> Iterator[Problem]:
    match value.get("handler"):
        case "authentication":
            basic = value.get("providers", {}).get("http_basic", {})
            yield from _of_accounts(basic.get("accounts") or ())
            if not basic.get("accounts"):
                yield "basic_auth", " has no account, so no password would ever match; add one"
        case "reverse_proxy" if server.shared:
            fastcgi = value.get("transport", {}).get("protocol") == "fastcgi"
            yield (
                "php_fastcgi" if fastcgi else "reverse_proxy",
                " asks other servers, and a shared site can't; add hosting: container to its file",
            )
        case "vars" if server.shared and (names := [n for n in value if n in _OF_GATEWAY]):
            # `log_name` sets a list.
            yield (
                "log_name" if isinstance(value[names[0]], list) else names[0],
                " is the gateway's own, as it logs each request of a shared site; remove it",
            )
        case "reverse_proxy":
            protocol = value.get("transport", {}).get("protocol", "http")
            for upstream in value.get("upstreams", ()):
                yield from _of_address(str(upstream.get("dial", "")), protocol, server)
        case "map" if value.get("source") in _PEER:
            yield _PEER[value["source"]], " is the gateway for every visitor; write {client_ip}"
        case handler if handler in _STATUS_OF:
            status = str(value.get("status_code", ""))
            if status.isdecimal() and not (200 <= int(status) <= 599 or int(status) == 103):
                yield status, " isn't a valid status; write one from 200 to 599"


def _of_accounts(accounts: Iterable[Mapping[str, str]]) -> Iterator[Problem]:
    for account in accounts:
        if not _HASH.fullmatch(_opened(account.get("password", ""))):
            yield (
                account.get("username", "basic_auth"),
                " has no bcrypt or argon2id hash after the name, so no password would ever match; "
                "`htpasswd -nB NAME` or `caddy hash-password` makes one",
            )


def _opened(password: str) -> str:
    """Caddy takes a hash in base64 as well, as its older versions wrote it."""
    try:
        return base64.b64decode(password, validate=True).decode()
    except (binascii.Error, ValueError):
        return password


def _of_address(dial: str, protocol: str, server: Server) -> Iterator[Problem]:
    if dial in _SOCKETS:
        if server.runtime != "php":
            yield dial, " answers only if the site's file has runtime: php; add that"
        return
    if protocol == "fastcgi":
        yield (
            dial,
            " isn't needed: PHP runs inside the site without such a line; remove the line, and "
            "set runtime: php in the site's file",
        )
        return
    host = dial.rpartition(":")[0].strip("[]")
    if _is_here(host):
        yield (
            dial,
            f" {_HERE}; Homeport doesn't run your own programs yet. Name a server that the site "
            "can reach, or remove the line",
        )
    elif not server.egress and ("." in host or ":" in host):
        yield (
            dial,
            " is outside, and the site can't reach it; add egress: true to its file, or let that "
            "server answer for a whole host, with upstream: instead of source:",
        )


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _of_redirects(adapted: Mapping[str, Any]) -> Iterator[Problem]:
    """A redirect of everything to itself over HTTPS, which would come back here for ever."""
    for server in adapted["apps"]["http"]["servers"].values():
        for site in server["routes"]:
            for handler in site.get("handle", ()):
                for route in handler.get("routes", ()):
                    if not route.get("match") and _leads_to_itself(route):
                        yield (
                            "redir",
                            " redirects every visitor to the same URL, for ever; remove it: the "
                            "gateway sends visitors to HTTPS by itself",
                        )


def _leads_to_itself(route: Mapping[str, Any]) -> bool:
    """Whether a route has such a redirect, of a path that no rewrite changed."""
    for handler in route.get("handle", ()):
        if handler.get("handler") == "rewrite":
            return False
        if handler.get("handler") == "static_response":
            headers = handler.get("headers") or {}
            return any(_TO_HTTPS.fullmatch(str(to)) for to in headers.get("Location") or ())
    return False
