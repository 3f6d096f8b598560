"""Lines that find their fields in a site's file, or that somebody else does here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from config.site import Email, Page
from console.caddyfile_import.draft import ROOT, Draft, below
from console.caddyfile_import.words import Directive, UnreadableError, walk, word

_LOG = "left out, as the log of the gateway has each request"
_TLS = "the gateway has the certificates: homeport:tls of the stack's file says which"
_RATE = (
    "the official Caddy has no such directive, as plugins aren't part of it; the gateway bounds "
    "how many connections an address has at once (homeport:listen, connections_per_address), and "
    "memory_mib and cpus bound a site"
)
_IS_404 = re.compile(r"\{(?:http\.error|err)\.status_code\}==404")
_PAGE, _EMAIL = TypeAdapter[str](Page), TypeAdapter[str](Email)


def place(draft: Draft, directive: Directive) -> None:
    """Puts a line of the block itself where it belongs."""
    if directive.name in _FIELDS:
        _FIELDS[directive.name](draft, directive)
    else:
        draft.keep(directive)


def _tls(draft: Draft, directive: Directive) -> None:
    """The address of its owner; the rest is the gateway's."""
    if any(one.name in ("client_auth", "clients") for one in walk(directive.below)):
        raise UnreadableError(
            directive.line,
            "visitors have to show a certificate, and the gateway asks for none; use basic_auth",
        )
    arguments = directive.arguments
    if len(arguments) == 1 and _takes(_EMAIL, arguments[0]):
        draft.fields["email"] = arguments[0]
        if not directive.block:
            return
    draft.say(directive, _TLS)


def _root(draft: Draft, directive: Directive) -> None:
    # Caddy 1 knows no matcher, and a path is all that there is.
    one_path = len(directive.words) == 2
    path = directive.words[1].text if one_path else "".join(directive.arguments[:1])
    if directive.matcher and not one_path:
        draft.keep(directive)
    elif path.rstrip("/") != draft.root:
        draft.say(directive, f"{path}: a site has one folder, and it is {draft.root or 'another'}")


def _file_server(draft: Draft, directive: Directive) -> None:
    lines = [one.name for one in directive.below]
    listed = directive.arguments == ["browse"] or lines == ["browse"]
    if (
        directive.matcher
        or set(lines) - {"browse", "root"}
        or set(directive.arguments) - {"browse"}
    ):
        draft.keep(directive)
    elif listed or "browse" in lines:
        draft.fields["listing"] = True


def _browse(draft: Draft, directive: Directive) -> None:
    draft.fields["listing"] = True
    path = "".join(directive.arguments[:1]) or directive.matcher
    if directive.matcher not in ("", "/"):
        draft.say(directive, f"listing: true is for the whole site, not for {path} alone")
    if directive.below or len(directive.arguments) > 1:
        draft.say(directive, "listing: true has no template of one's own; left out")


def _bind(draft: Draft, directive: Directive) -> None:
    if set(directive.arguments) <= {"0.0.0.0", "::", "[::]"}:  # noqa: S104 - read, not bound
        draft.say(directive, "the gateway listens: homeport:listen of the stack's file says where")
        return
    draft.keep(directive)
    draft.say(
        directive,
        "the gateway listens: homeport:listen of the stack's file says where, and whoever reaches "
        "that reaches this site; remove the line if that is as it should be",
    )


def _errors(draft: Draft, directive: Directive) -> None:
    """Caddy 1's `errors`: pages for statuses, and a log."""
    for one in directive.below:
        page = "".join(word.text for word in one.words[1:]).removeprefix("/")
        if one.name == "404" and _takes(_PAGE, page):
            draft.fields["not_found"] = page
        elif one.name == "log":
            draft.say(one, "the site's own log has its errors")
        else:
            draft.say(one, f"{one.name}: only 404 has a page here (not_found); left out")
    if not directive.below:
        draft.say(directive, "the site's own log has its errors")


def _handle_errors(draft: Draft, directive: Directive) -> None:
    """One that only shows a page for what isn't there is `not_found`; all others stay."""
    page = _page_for_404(directive)
    if page and _takes(_PAGE, page) and "not_found" not in draft.fields:
        draft.fields["not_found"] = page
    else:
        draft.keep(directive)


def _page_for_404(directive: Directive) -> str:
    lines = {one.name: one for one in directive.below}
    rewrite = lines.pop("rewrite", None)
    server = lines.pop("file_server", None)
    if not rewrite or not server or server.block or len(server.words) > 1:
        return ""
    words = [word.text for word in rewrite.words[1:]]
    asked = words[0] if len(words) == 2 and words[0].startswith("@") else ""
    if asked:
        test = lines.pop(asked, None)
        inner = [test, *test.below] if test else []
        text = "".join(word.text for one in inner for word in one.words[one is test :])
        if not _IS_404.fullmatch(text.removeprefix("expression")):
            return ""
    elif [word.text for word in directive.words[1:]] != ["404"]:
        return ""
    return "" if lines or not words else words[-1].removeprefix("/")


def _takes(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    # A script is shown in another way, and its file has to say more.
    return not text.lower().endswith(".php")


def _basicauth(draft: Draft, directive: Directive) -> None:
    if draft.version_1 and directive.block is None:
        raise UnreadableError(
            directive.line,
            "its password is clear text; write `basic_auth { NAME HASH }` in its place, and "
            "`htpasswd -nB NAME` makes the hash",
        )
    draft.keep(directive)


def _header(draft: Draft, directive: Directive) -> None:
    """Caddy 1 took a path for all that is below it."""
    words = directive.words
    if draft.version_1 and len(words) > 1 and words[1].text.startswith("/"):
        path = words[1].text.rstrip("/")
        words = [words[0], *([word(f"{path}*")] if path else []), *words[2:]]
    draft.keep(replace(directive, words=words))


def _said(text: str) -> Callable[[Draft, Directive], None]:
    return lambda draft, directive: draft.say(directive, text)


_FIELDS: Mapping[str, Callable[[Draft, Directive], None]] = {
    "basicauth": _basicauth,
    "bind": _bind,
    "browse": _browse,
    "errors": _errors,
    "file_server": _file_server,
    "gzip": _said("the gateway compresses every site's answers"),
    "handle_errors": _handle_errors,
    "header": _header,
    "log": _said(_LOG),
    "ratelimit": _said(_RATE),
    "rate_limit": _said(_RATE),
    "root": _root,
    "tls": _tls,
}


def roots(directives: Sequence[Directive]) -> list[str]:
    """The folders that lines call a root, those that are for every request first."""
    every = [one for one in directives if not one.matcher or len(one.words) == 2]
    inner = [one for around in every if around.name == "handle" for one in around.below]
    every += [one for one in inner if not one.matcher]
    return [folder for one in [*every, *walk(directives)] for folder in _folders(one)]


def _folders(directive: Directive) -> list[str]:
    if directive.name == "root" and len(directive.words) in (2, 3):
        return [directive.words[-1].text.rstrip("/") or "/"]
    inner = directive.below if directive.name == "file_server" else ()
    return [one.words[-1].text for one in inner if one.name == "root" and len(one.words) == 2]


def rooted(draft: Draft, directives: Sequence[Directive]) -> list[Directive]:
    """Kept lines with the web root as a site knows it; others are told about."""
    kept = []
    for one in directives:
        folder = "".join(_folders(one))
        inner = below(folder, draft.root) if folder else None
        if one.name == "root" and inner is not None:
            path = f"{ROOT}/{inner}".rstrip("/")
            kept.append(replace(one, words=[*one.words[:-1], word(path)]))
        elif one.name == "root" and folder and below(folder, ROOT) is None:
            draft.say(
                one,
                f"{folder} isn't in the site's folder, {draft.root or 'which has no root'}; give "
                "it a site's file of its own, with a path in hosts",
            )
        elif one.block is not None:
            block = rooted(draft, one.block)
            lost = len(block) < len(one.block) and any(b.name == "root" for b in one.block)
            # Without its own root it would show the site's.
            if not lost or any(b.name == "root" for b in block):
                kept.append(one.with_block(block))
        else:
            kept.append(one)
    return kept
