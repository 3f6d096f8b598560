"""Free lines of a site's owner: kept inside the site's own block.

The provider class is stored in the state by reference, as `components.caddyfile_lines`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import docker
import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components import engine, file_tree
from components.caddy_site_caddyfile import CONTENT_AT, FPM_SOCKET, PORT, ROOT, lines_end_at
from components.file_tree import Entry

Props = dict[str, Any]  # what the engine sends and stores: JSON values by name

ALONE = "site.invalid"
"""The host under which a site's block is adapted alone: what it says of itself shows there."""
_COMPARED = ("block", "image", "first_line", "shown_as")
# What an own block may do with a request. Left out is what reads the server's files or environment
# by itself (templates, tracing), shows more than the site (metrics), stands outside the block
# (invoke), or isn't part of Caddy as it is shipped.
_HANDLERS = {
    "authentication", "copy_response", "copy_response_headers", "encode", "error", "file_server",
    "headers", "intercept", "log_append", "map", "push", "request_body", "reverse_proxy", "rewrite",
    "static_response", "subroute", "timeouts", "vars",
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
# Wherever a token may start: Caddy's idea of a line's beginning follows quotes, heredocs and
# escaped line ends. What is imported is read again when the site starts, and then unchecked.
_IMPORT = re.compile(r"import(?=[\s\"`\\]|\Z)")
# A transport's own `tls` has nothing behind it.
_TLS = re.compile(r"^\s*tls[ \t]+\S", re.MULTILINE)
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
_AT_LINE = re.compile(r"(?:, at )?/tmp/Caddyfile:(\d+)(?:: )?|(?: on line #)(\d+)")
# Where in Caddy's own parts it failed, before what failed.
_AROUND = re.compile(
    r"^Error: |^.*parsing caddyfile tokens for |^validation: .*provision (?:[a-z_]+\.)+"
)


class CaddyfileLinesProvider(ResourceProvider):
    """Checks; there is nothing to create."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

    def check(self, olds: Props, news: Props) -> CheckResult:
        changed = any(olds.get(key) != news.get(key) for key in _COMPARED)
        problem = _problem(news) if changed and _can_check(news) else ""
        return CheckResult(news, [CheckFailure("", problem)] if problem else [])

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in _COMPARED))

    def create(self, props: Props) -> CreateResult:
        _refuse(props)
        return CreateResult(props["shown_as"], outs=props)

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        _refuse(news)
        return UpdateResult(outs=news)


class CaddyfileLines(Resource, module="homeport", name="CaddyfileLines"):
    """Stops in preview where lines leave the site's block, or read what isn't the site's.

    The site's block is adapted alone by the site's own image, under the host `ALONE`: the result
    must be one server with one route for that host, made of handlers that are allowed, without a
    placeholder of environment or files, and with no other root than the site's content.
    """

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        image: str,
        block: str,
        first_line: int,
        shown_as: str,
        shown_line: int,
        labels: dict[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`first_line` of `block` is the line `shown_line` of the person's file `shown_as`."""
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "image": image,
            "block": block,
            "first_line": first_line,
            "shown_as": shown_as,
            "shown_line": shown_line,
            "labels": labels,
        }
        super().__init__(CaddyfileLinesProvider(), name, props, opts)


Problem = tuple[str, str]
"""What is at fault, as its owner wrote it where that is known, and why: together a sentence."""


def problem_of_text(lines: str) -> Problem | None:
    """Why free lines can't even be adapted: Caddy would read the server doing so."""
    if "{$" in lines:
        return "{$", "…} reads the server's environment; write the value itself"
    if _IMPORT.search(lines):
        return "import", " reads the server's files; write the lines themselves"
    if _TLS.search(lines):
        return "tls", " is the gateway's matter; remove it"
    return None


def problem_of(adapted: dict[str, Any]) -> Problem | None:
    """Why an adapted configuration isn't one site's own block; None where it is."""
    if "logging" in adapted:
        return "log", " is set up already; remove it"
    apps = adapted.get("apps", {})
    servers = list(apps.get("http", {}).get("servers", {}).values())
    if len(servers) == 1 and servers[0]["listen"] != [f":{PORT}"]:
        return "bind", " changes where the gateway finds the site; remove it"
    if set(apps) != {"http"} or len(servers) != 1 or not _is_own(servers[0]):
        return "}", " closes the site's own block; remove it"
    problems = (_problem_at(under, value) for under, value in _walk(adapted))
    return next(filter(None, problems), None)


def _is_own(server: dict[str, Any]) -> bool:
    """Whether the site's block is all there is, down to the `log` in its last line."""
    routes = server["routes"]
    fields = {"listen", "routes", "logs"}
    whole = fields <= set(server) <= {*fields, "errors"}
    return whole and len(routes) == 1 and routes[0].get("match") == [{"host": [ALONE]}]


def _walk(value: object, under: str = "") -> Iterator[tuple[str, object]]:
    """Every value, with the key it stands under; every key is a value, too."""
    yield under, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield "", key
            yield from _walk(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _problem_at(under: str, value: object) -> Problem | None:
    if isinstance(value, str):
        return _problem_of_value(under, value)
    if not isinstance(value, dict):
        return None
    handler = value.get("handler")
    kind = handler if isinstance(handler, str) else under
    if stray := sorted(set(value) - _FIELDS.get(kind, set(value))):
        return kind, f" with {stray[0]} may read what isn't the site's; remove that"
    if handler == "vars" and (names := [name for name in value if "{" in name]):
        return names[0], " is no name of a variable; write one without a placeholder"
    return None


def _problem_of_value(under: str, value: str) -> Problem | None:
    if found := _PLACEHOLDER.search(value):
        return found[0], " reads the server's environment or files; write the value itself"
    match under:
        case "handler" if value not in _HANDLERS:
            return value, " may read or show what isn't the site's; remove it"
        case "root" if not _is_content(value):
            return value, f" is not the site's content; leave root at {ROOT} or below"
        case "dial" | "upstream" if not _ADDRESS.fullmatch(value):
            return value, " is no address to ask; name host and port, such as backend:8080"
        case "expression" | "expr" if not _STATUS_TEST.fullmatch(value):
            return "expression", " may read the server's environment or files; use other matchers"
        case "uri" if _NESTED.search(value):
            return value, " has a placeholder within another; write them side by side"
    return None


def _is_content(root: str) -> bool:
    inside = root in (CONTENT_AT, ROOT) or root.startswith(f"{ROOT}/")
    return inside and ".." not in root and "{" not in root


def _can_check(props: Props) -> bool:
    host = props["docker_host"]
    return engine.reachable(host) and engine.has_image(engine.connect(host), props["image"])


def _refuse(props: Props) -> None:
    if problem := _problem(props):
        raise engine.EngineError(problem)


def _problem(props: Props) -> str:
    first = int(props["first_line"])
    lines = str(props["block"]).split("\n")[first - 1 : lines_end_at(props["block"])]
    refusal = ""
    problem = problem_of_text("\n".join(lines))
    if not problem:
        adapted, refusal = _adapt(engine.connect(props["docker_host"]), props)
        problem = problem_of(json.loads(adapted)) if adapted else None
    if problem:
        fault, why = problem
        return _told(props, _at(fault, lines), lines, fault + why)
    if refusal:
        number, why = _said(refusal, lines)
        at = number - first if number else _at(why.partition(":")[0], lines)
        return _told(props, at, lines, why)
    return ""


def _at(fault: str, lines: list[str]) -> int:
    """The index of the line that has it, as a word of its own if any has."""
    whole = (number for number, line in enumerate(lines) if fault in line.split())
    part = (number for number, line in enumerate(lines) if fault in line)
    return next(whole, next(part, 0))


def _told(props: Props, at: int, lines: list[str], why: str) -> str:
    """Why, at the line of the person's own file; what shows behind the lines began in them."""
    line = int(props["shown_line"]) + min(max(at, 0), len(lines) - 1)
    return f"{props['shown_as']}:{line}: caddyfile: {why}"


def _said(refusal: str, lines: list[str]) -> tuple[int, str]:
    """The number of the line in the block, or 0, and what Caddy says of it."""
    if sum(line.endswith("{") for line in lines) > sum(line.strip() == "}" for line in lines):
        return 0, "a { isn't closed; add a line with its }"
    said = refusal.splitlines()[-1]
    with contextlib.suppress(ValueError, LookupError):  # its log is JSON where no terminal is
        said = json.loads(said)["msg"].splitlines()[0]
    found = _AT_LINE.search(said)
    number = int(found[1] or found[2]) if found else 0
    return number, _AROUND.sub("", _AT_LINE.sub("", said))


def _adapt(client: docker.DockerClient, props: Props) -> tuple[str, str]:
    """The configuration that Caddy makes of the block, and why it refuses; either may be empty."""
    config = ["--config", "/tmp/Caddyfile", "--adapter", "caddyfile"]  # noqa: S108 - in the container
    command = ["caddy", "adapt", *config, "--validate"]
    with engine.throwaway(
        client,
        props["image"],
        command,
        user="1000:1000",
        capabilities=["NET_BIND_SERVICE"],
        labels=props["labels"],
    ) as container:
        tree = {"Caddyfile": Entry(str(props["block"]).encode())}
        container.put_archive("/", file_tree.archive(tree, "tmp"))
        container.start()
        code = int(container.wait()["StatusCode"])
        adapted = container.logs(stderr=False).decode(errors="replace").strip()
        said = container.logs(stdout=False).decode(errors="replace").strip()
    return adapted, (said or "Caddy refuses it") if code else ""
