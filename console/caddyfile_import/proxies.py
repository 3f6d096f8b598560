"""Lines that pass requests on: to a program of the owner's own, or to a server outside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

from config.urls import origin
from console.caddyfile_import.draft import Draft
from console.caddyfile_import.known import WITH_DIRECTIVES
from console.caddyfile_import.words import Directive, UnreadableError

PROXIES = ("reverse_proxy", "proxy")
_PHP = ("php_fastcgi", "fastcgi")
_NOT_MISSED = frozenset({
    "encode", "header", "request_body", "log", "log_skip", "skip_log", "tls", "root",
    "file_server", "gzip", "errors", "push", "handle_errors", "browse", "timeouts",
})  # fmt: skip
"""What can be left out before a server outside without letting anybody in."""
_NOT_ALONE = frozenset({
    "encode", "header", "request_header", "request_body", "log", "uri", "rewrite",
})  # fmt: skip
"""What does nothing in a block that has lost its answer."""


def addresses(proxy: Directive) -> list[str]:
    """The servers that a proxy names."""
    lines = [one.words[1:] for one in proxy.below if one.name == "to"]
    named = proxy.words[2:] if proxy.name == "proxy" else proxy.words[1:]
    texts = [one.text for one in named]
    if texts and texts[0].startswith(("/", "@", "*")):
        texts = texts[1:]
    return texts + [one.text for line in lines for one in line]


def path_of(proxy: Directive) -> str:
    """Which requests it passes on; empty for all."""
    if proxy.name == "proxy":
        return proxy.words[1].text.rstrip("/") if len(proxy.words) > 1 else ""
    return proxy.matcher


def is_here(address: str) -> bool:
    """Whether a server is known to the machine of its owner alone: a program or a container."""
    rest = address.partition("://")[2] or address
    host = rest.partition("/")[0]
    host = host.rpartition("]")[0].lstrip("[") if "]" in host else host.partition(":")[0]
    if host.endswith(".localhost") or ("." not in host and ":" not in host):
        return True
    try:
        one = ip_address(host)
    except ValueError:
        return "{" in address
    return one.is_loopback or one.is_unspecified


def why_not(address: str) -> str:
    """Why nothing can be passed on to such a server."""
    if "{" in address:
        return f"{address}: placeholders aren't read"
    return (
        f"{address} is a program or a container of yours, which no site reaches, and Homeport "
        "doesn't run your own programs yet"
    )


def catch_all(directives: Sequence[Directive]) -> Directive | None:
    """What passes on every request that nothing else answers."""
    for one in directives:
        if one.name in PROXIES and not path_of(one) and addresses(one):
            return one
        if one.name in ("handle", "route") and not one.arguments and not one.matcher:
            found = catch_all(one.below)
            if found:
                return found
    return None


def weeded(draft: Draft, directives: Sequence[Directive], within: str = "") -> list[Directive]:
    """Without what passes on parts of a site, below the path `within`, to programs of the owner."""
    kept = []
    for one in directives:
        lost = [address for address in addresses(one) if is_here(address)] if _asks(one) else []
        if one.name in _PHP:
            draft.fields["runtime"] = "php"
            draft.say(one, "PHP runs inside the site, without such a line: runtime: php")
        elif lost and one.name in PROXIES:
            draft.say(
                one, f"{why_not(lost[0])}; left out" + elsewhere(draft, path_of(one) or within)
            )
        elif _asks(one):
            if lost:
                draft.say(one, f"{why_not(lost[0])}; name a server, or remove this")
            else:
                draft.fields["egress"] = True
                draft.say(one, "asks a server outside, so the file has egress: true, and a source")
            kept.append(one)
        elif one.name in WITH_DIRECTIVES and one.block is not None:
            said = len(draft.said)
            block = weeded(draft, one.block, one.matcher or within)
            if len(block) < len(one.block) and all(b.name in _NOT_ALONE for b in block):
                why = draft.said[said].text
                del draft.said[said:]
                draft.say(one, why)
            else:
                kept.append(one.with_block(block))
        else:
            kept.append(one)
    return kept


def _asks(directive: Directive) -> bool:
    return directive.name in PROXIES or directive.name == "forward_auth"


def elsewhere(draft: Draft, path: str) -> str:
    """What to do if what is asked is a site."""
    if path.startswith("@"):
        return ""
    return f"; a site that answers there has hosts: [{draft.at(path)}] in its own file"


def _is_usual(line: Directive) -> bool:
    texts = [one.text for one in line.words]
    passed = ("Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    return texts[0] in ("transparent", "websocket") or (
        texts[0] == "header_up" and len(texts) == 3 and texts[1] in passed
    )


def upstream(draft: Draft, directives: Sequence[Directive], proxy: Directive) -> bool:
    """Makes the draft one of a server outside; False if other lines have to stand before it."""
    around = [one for one in directives if one is not proxy]
    if any(one.name not in _NOT_MISSED and not one.name.startswith("@") for one in around):
        return False
    first, *others = addresses(proxy)
    url = first if re.match(r"https?://", first) else f"http://{first}"
    try:
        draft.fields["upstream"] = origin(url)
    except ValueError as error:
        raise UnreadableError(proxy.line, f"{url}: {error}") from error
    for one in others:
        draft.say(proxy, f"{one}: upstream takes one server; left out")
    for line in proxy.below:
        if any("tls_insecure_skip_verify" in (inner.name, line.name) for inner in line.below):
            draft.say(
                line,
                f"the certificate of {url} is checked here, and can't be left unchecked; give that "
                "server a valid one, or name its plain http port",
            )
        elif _is_usual(line):
            draft.say(line, "the gateway passes on the visitor's host and address, and websockets")
        elif line.name != "to":
            draft.say(line, f"{line.name}: an upstream takes no lines; left out")
    return True
