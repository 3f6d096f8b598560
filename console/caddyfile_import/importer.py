"""A pasted Caddyfile becomes sites' files, and sentences about the lines that found no place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import ValidationError

from config.names import RESERVED
from config.site import SiteFile
from console.caddyfile_import.addresses import hosts_of, name_of
from console.caddyfile_import.blocks import Block, pasted
from console.caddyfile_import.draft import Draft
from console.caddyfile_import.fields import place, rooted, roots
from console.caddyfile_import.foreign import refuse_foreign, without_odd_ends
from console.caddyfile_import.git_source import git
from console.caddyfile_import.known import VERSION_1
from console.caddyfile_import.proxies import (
    addresses,
    catch_all,
    elsewhere,
    is_here,
    path_of,
    upstream,
    weeded,
    why_not,
)
from console.caddyfile_import.reader import directives_of
from console.caddyfile_import.redirects import redir, redirect, redirects_to_https, target_of
from console.caddyfile_import.site_text import Value, site_text
from console.caddyfile_import.warnings import unused, warnings
from console.caddyfile_import.words import (
    Directive,
    Sentence,
    UnreadableError,
    rendered,
    walk,
)

_ORDER = tuple(SiteFile.model_fields)
_BESIDE = frozenset(("tls", "log", "gzip"))
"""What a site without content may have beside it."""


@dataclass(frozen=True, kw_only=True)
class ImportedSite:
    """One site's file."""

    name: str
    """The file's, without `.yaml`."""
    yaml: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of a pasted text."""

    sites: Sequence[ImportedSite]
    sentences: Sequence[Sentence]
    """In the order of the lines."""


def sites_from_caddyfile(text: str, *, name: str = "", taken: Collection[str] = ()) -> Imported:
    """The files of the sites that a Caddyfile declares. The first one that is no redirect is called
    `name`, if that is given; none is called as one of `taken`.

    Every line is in a file or in a sentence. A text that isn't a Caddyfile gets one sentence.
    """
    text = without_odd_ends(text)
    try:
        refuse_foreign(text)
        found = pasted(directives_of(text))
    except UnreadableError as error:
        return Imported(sites=(), sentences=(error.sentence,))
    sentences, sites = found.sentences, dict[int, ImportedSite]()
    names = {*RESERVED, *taken}
    version_1 = any(_is_version_1(one) for block in found.blocks for one in block.directives)
    # A redirect of www.example.org leaves the short name to example.org.
    for block in sorted(found.blocks, key=lambda one: target_of(one.directives) is not None):
        try:
            site = _site(block, found.email, version_1, names, sentences, name=name)
        except UnreadableError as error:
            text = f"no site's file can say this; line {error.sentence.line}: {error}"
            sentences.append(Sentence(line=block.line, last=block.last, text=text))
            continue
        if site:
            names.add(site.name)
            sites[block.line] = site
            name = ""
    return Imported(
        sites=tuple(sites[line] for line in sorted(sites)),
        sentences=tuple(sorted(dict.fromkeys(sentences), key=lambda one: (one.line, one.last))),
    )


def _is_version_1(directive: Directive) -> bool:
    texts = [word.text for word in directive.words]
    return directive.name in VERSION_1 or texts in (["log", "stdout"], ["tls", "off"])


def _site(
    block: Block,
    email: str,
    version_1: bool,
    taken: Collection[str],
    sentences: list[Sentence],
    *,
    name: str,
) -> ImportedSite | None:
    hosts = hosts_of(block.addresses)
    if hosts.refused and not hosts.names:
        sentences.append(Sentence(line=block.line, last=block.last, text="; ".join(hosts.said)))
        return None
    sentences += [Sentence(line=block.line, last=block.line, text=text) for text in hosts.said]
    directives = _unwrapped(block.directives)
    folder = next(iter(roots(directives)), "")
    name = name or name_of(hosts.names, _hint(directives, folder), taken)
    draft = Draft(
        name=name,
        hosts=hosts.names or [name],
        version_1=version_1,
        root=folder,
    )
    if not hosts.names:
        text = f"no host is named; the file has {name}, which gets the stack's domain"
        draft.said.append(Sentence(line=block.line, last=block.line, text=text))
    draft.fields["hosts"] = draft.hosts
    _fill(draft, directives)
    if email and "email" not in draft.fields:
        draft.fields["email"] = email
    sentences += draft.said
    return ImportedSite(name=name, yaml=_checked(draft, list(rendered(draft.free)), block))


def _unwrapped(directives: Sequence[Directive]) -> list[Directive]:
    """Without a `handle` around all that answers."""
    handles = [one for one in directives if one.name.startswith("handle")]
    handles = [one for one in handles if one.name != "handle_errors"]
    if len(handles) != 1 or handles[0].name != "handle" or len(handles[0].words) > 1:
        return list(directives)
    return [
        inner
        for one in directives
        for inner in (_unwrapped(one.below) if one is handles[0] else [one])
    ]


def _hint(directives: Sequence[Directive], folder: str) -> str:
    """What a site without a host may be called after."""
    for one in directives:
        if one.name == "git":
            words = [word.text for word in one.words[1:]]
            words += [w.text for o in one.below if o.name in ("repo", "url") for w in o.words[1:]]
            if words:
                return words[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
    return PurePosixPath(folder).name if folder.startswith("/") else folder


def _fill(draft: Draft, directives: list[Directive]) -> None:
    """Gives the draft its one of source, redirect and upstream, and all else that it has."""
    proxy = catch_all(directives)
    if proxy and (lost := [one for one in addresses(proxy) if is_here(one)]):
        raise UnreadableError(
            proxy.line, f"{why_not(lost[0])}; name a server" + elsewhere(draft, path_of(proxy))
        )
    to = target_of([one for one in directives if not redirects_to_https(draft, one)])
    if to:
        redirect(draft, to)
        _beside(draft, directives, to, "a redirect answers every request; left out")
    elif proxy and upstream(draft, directives, proxy):
        _beside(draft, directives, proxy, "only a site with a source takes such lines; left out")
    else:
        _content(draft, directives)


def _place(draft: Draft, directive: Directive) -> None:
    if directive.name == "redir":
        redir(draft, directive)
    elif directive.name == "git":
        git(draft, directive)
    else:
        place(draft, directive)


def _sends_all(directives: Sequence[Directive]) -> bool:
    """Whether every file of the web root could be asked for."""
    return any(
        (one.name in ("file_server", "php_fastcgi") and not one.matcher)
        or (one.name in ("handle", "route") and not one.matcher and _sends_all(one.below))
        for one in directives
    )


def _beside(draft: Draft, directives: Sequence[Directive], whole: Directive, why: str) -> None:
    for one in directives:
        if one.name in _BESIDE or redirects_to_https(draft, one):
            _place(draft, one)
        elif one.name == "redir" and one.matcher.startswith("/"):
            own = draft.at(one.matcher)
            draft.say(one, f"this is a site of its own here, whose file has hosts: [{own}]")
        elif one is not whole:
            draft.say(one, f"{one.name}: {why}")


def _content(draft: Draft, directives: Sequence[Directive]) -> None:
    if draft.root and not draft.version_1 and not _sends_all(directives):
        root = next(one for one in walk(directives) if one.name in ("root", "file_server"))
        draft.say(
            root,
            f"a site sends every file of {draft.root}, and these lines sent only some of them or "
            "none; name a smaller folder, or refuse the others",
        )
    for one in _unwrapped(weeded(draft, directives)):
        _place(draft, one)
    draft.free = rooted(draft, draft.free)
    stray = unused(draft.free)
    for one in stray:
        draft.say(one, f"no line asks {one.name}; left out")
    gone = {id(one) for one in stray}
    draft.free = [one for one in draft.free if id(one) not in gone]
    draft.said += warnings(draft.free)
    here = f"sites/{draft.name}"
    if draft.source:
        draft.fields["source"] = draft.source
    elif draft.root.startswith("/"):
        draft.fields["source"] = {"host_folder": draft.root}
    else:
        draft.fields["source"] = {"folder": here}
    for one in directives:
        if one.name == "root" and draft.source:
            draft.say(one, "git brings the content, so no folder of the host is named")
        elif one.name == "root" and not draft.root.startswith("/"):
            draft.say(one, f"{draft.root} isn't a whole path; the pages are to be in {here}")


def _checked(draft: Draft, lines: Sequence[str], block: Block) -> str:
    """The YAML, whose fields are valid."""
    fields: dict[str, Value] = {k: draft.fields[k] for k in _ORDER if k in draft.fields}
    data = dict(fields) | ({"caddyfile": "\n".join(lines)} if lines else {})
    try:
        SiteFile.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        raise UnreadableError(block.line, f"{field}: {why}" if field else why) from error
    return site_text(fields, lines)
