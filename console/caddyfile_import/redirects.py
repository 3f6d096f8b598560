"""Redirects of a whole site."""

from __future__ import annotations

import re
from collections.abc import Sequence

from config.urls import redirect_target
from console.caddyfile_import.draft import Draft
from console.caddyfile_import.words import Directive, UnreadableError

_REST = re.compile(r"\{(?:http\.request\.)?(?:uri|path)\}\Z")
_HOST = re.compile(r"\{(?:http\.request\.)?(?:host|hostport)\}")
_TO_ITSELF = re.compile(r"https://\{(?:http\.request\.)?(?:host|hostport)\}(/|\{[a-z_.]+\})?")
_FOR_EVER = ("permanent", "301", "308")


def redirects_to_https(draft: Draft, directive: Directive) -> bool:
    """Whether it sends visitors of plain HTTP to the same URL over HTTPS."""
    if directive.name != "redir" or not directive.arguments:
        return False
    to = directive.arguments[0]
    own = {f"https://{host}" for host in draft.hosts}
    return bool(_TO_ITSELF.fullmatch(to)) or _REST.sub("", to).rstrip("/") in own


def redir(draft: Draft, directive: Directive) -> None:
    """One that stays as a free line, unless the gateway does the same."""
    if redirects_to_https(draft, directive):
        draft.say(
            directive,
            "the gateway sends visitors to HTTPS by itself; inside the site it would redirect them "
            "to the same URL for ever; left out",
        )
    else:
        draft.keep(directive)


def target_of(directives: Sequence[Directive]) -> Directive | None:
    """The redirect of every request, if there is one."""
    found = (
        one
        for one in directives
        if one.name == "redir" and not one.matcher and one.arguments and one.block is None
    )
    return next(found, None)


def redirect(draft: Draft, whole: Directive) -> None:
    """Makes the draft a redirect. Raises UnreadableError where no file can say it."""
    to, *codes = whole.arguments
    keep_path = bool(_REST.search(to))
    url = _REST.sub("", to)
    if len(draft.hosts) == 1:
        url = _HOST.sub(lambda _: draft.hosts[0].partition("/")[0], url)
    if url.startswith("/"):
        raise UnreadableError(
            whole.line, f"every path leads to {url}, which itself is one; name another host"
        )
    try:
        fields: dict[str, str | bool] = {"to": redirect_target(url)}
    except ValueError as error:
        raise UnreadableError(whole.line, f"{to}: the URL {error}") from error
    code = codes[0] if codes else "301" if draft.version_1 else "302"
    if code not in _FOR_EVER:
        fields["permanent"] = False
    if not keep_path:
        fields["keep_path"] = False
    elif "?" in url or "#" in url:
        raise UnreadableError(whole.line, f"{to}: no path can follow a query or fragment")
    draft.fields["redirect"] = fields
    if code not in (*_FOR_EVER, "302", "temporary"):
        draft.say(whole, f"{code}: a redirect has status 301, or 302 with permanent: false")
    elif code == "308":
        draft.say(whole, "308: a permanent redirect has status 301 here")
