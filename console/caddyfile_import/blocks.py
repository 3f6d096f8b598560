"""The sites' blocks of a Caddyfile, with their snippets written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from console.caddyfile_import.foreign import not_a_caddyfile
from console.caddyfile_import.known import KNOWN
from console.caddyfile_import.words import Directive, Sentence, UnreadableError, Word, walk, word

_CHARACTERS, _DEEP = 1_000_000, 20
"""Bounds on what snippets may make, which may import each other."""
_SITES, _HOSTS = 200, 500
"""Bounds on the sites of one text, and on the addresses of a site."""
_ARGUMENT = re.compile(r"\{args[.\[](\d+)\]?\}")
_ARGUMENTS = re.compile(r"\{args\[(\d*):(\d*)\]\}")
_ADDRESS = re.compile(r"(?:https?://)?[^\s/]*[.:*][^\s]*|https?://\S+|localhost\S*|\S*\{\$\S+")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One site, as the Caddyfile declares it."""

    addresses: Sequence[str]
    directives: Sequence[Directive]
    line: int
    last: int


@dataclass(kw_only=True)
class Pasted:
    """What stands in a Caddyfile."""

    blocks: list[Block] = field(default_factory=list)
    email: str = ""
    """The address that global options give to the certificate authority."""
    sentences: list[Sentence] = field(default_factory=list)


def pasted(directives: Sequence[Directive]) -> Pasted:
    """The blocks, and sentences about what belongs to none. Raises UnreadableError."""
    found = Pasted()
    snippets: dict[str, Directive] = {}
    used: set[str] = set()
    sites: list[Directive] = []
    for directive in _joined(directives):
        name = directive.name
        if not name:
            _options(directive, found)
        elif name.startswith("&(") and directive.block is not None:
            found.sentences.append(
                directive.about("a named route has no place here; write its lines where invoke is")
            )
        elif name.startswith("(") and directive.block is not None:
            snippets[name.strip("()")] = directive
        else:
            sites.append(directive)
    if not directives or (sites and not any(_is_known(one) for one in sites)):
        raise not_a_caddyfile(sites[0].line if sites else 1)
    for addresses, body, line, last in _sites(sites, found):
        if len(found.blocks) == _SITES or len(addresses) > _HOSTS:
            raise UnreadableError(
                line, f"more than {_SITES} sites, or {_HOSTS} addresses of one; paste fewer at once"
            )
        expansion = _Expansion(snippets, used)
        found.blocks.append(
            Block(
                addresses=addresses,
                directives=list(expansion.expanded(body)),
                line=line,
                last=last,
            )
        )
    for name, snippet in snippets.items():
        if name not in used:
            found.sentences.append(snippet.about(f"no site here imports {name}; left out"))
    return found


def _is_known(site: Directive) -> bool:
    own = bool(site.block is not None and _ADDRESS.fullmatch(site.name.rstrip(",")))
    return own or any(one.name in KNOWN for one in walk([site]))


def _is_line(directive: Directive) -> bool:
    """Whether it is a line of a site's block, and no address."""
    return directive.name in KNOWN or directive.name.startswith("@")


def _joined(directives: Sequence[Directive]) -> Iterator[Directive]:
    """With addresses of several lines, each of which ends in a comma, as one."""
    parts: list[Directive] = []
    for one in directives:
        parts.append(one)
        goes_on = one.block is None and one.words and one.words[-1].text.endswith(",")
        if not goes_on or _is_line(parts[0]):
            yield _as_one(parts)
            parts = []
    if parts:
        yield _as_one(parts)


def _as_one(parts: Sequence[Directive]) -> Directive:
    words = [one for part in parts for one in part.words]
    return replace(parts[-1], words=words, line=parts[0].line)


def _sites(
    sites: Sequence[Directive], found: Pasted
) -> Iterator[tuple[Sequence[str], Sequence[Directive], int, int]]:
    """The addresses, the body, and the first and last line of each site."""
    if not sites:
        return
    if _is_line(sites[0]) and not (sites[0].name == "import" and sites[-1].block is not None):
        yield [], sites, sites[0].line, sites[-1].last
        return
    if sites[0].block is None and sites[0].name != "import":
        yield _addresses(sites[0]), sites[1:], sites[0].line, sites[-1].last
        return
    for site in sites:
        if site.block is not None:
            yield _addresses(site), site.block, site.line, site.last
        elif site.name == "import":
            found.sentences.append(
                site.about("import reads the server's files; paste what stands in them")
            )
        else:
            found.sentences.append(site.about("stands in no site's block; paste it within one"))


def _addresses(site: Directive) -> list[str]:
    parts = [part for one in site.words for part in one.text.split(",")]
    return [part for part in parts if part]


def _options(options: Directive, found: Pasted) -> None:
    for option in options.below:
        if option.name == "email" and option.arguments:
            found.email = option.arguments[0]
    found.sentences.append(
        options.about(
            "global options are the whole server's, and the stack's file has those: homeport:tls "
            "for certificates, homeport:listen for addresses and ports"
            + ("; the e-mail address stands in the site's file" if found.email else "")
        )
    )


class _Expansion:
    """Writes out what a body imports."""

    def __init__(self, snippets: Mapping[str, Directive], used: set[str]) -> None:
        self._snippets = snippets
        self._used = used
        self._left = _CHARACTERS

    def expanded(
        self, body: Sequence[Directive], within: Sequence[str] = ()
    ) -> Iterator[Directive]:
        for directive in body:
            name = directive.words[1].text if len(directive.words) > 1 else ""
            if directive.name == "import" and name in self._snippets:
                yield from self._imported(directive, name, within)
            elif directive.block is None:
                yield directive
            else:
                yield directive.with_block(list(self.expanded(directive.block, within)))

    def _imported(self, at: Directive, name: str, within: Sequence[str]) -> Iterator[Directive]:
        if name in within or len(within) == _DEEP:
            raise UnreadableError(
                at.line, f"imports {name} in itself, or too deep; write the lines"
            )
        self._used.add(name)
        written = [self._written(one, at) for one in self._snippets[name].below]
        for one in self.expanded(written, [*within, name]):
            if one.words == [Word(text="{block}", raw="{block}")]:
                yield from at.below
            else:
                yield one

    def _written(self, directive: Directive, at: Directive) -> Directive:
        """A directive of a snippet with the arguments of its import."""
        arguments = at.words[2:]
        words = [new for one in directive.words for new in self._filled(one, arguments)]
        self._left -= sum(len(one.raw) + 10 for one in words) + 10
        if self._left < 0:
            raise UnreadableError(
                at.line, "imports make too much of it; write the lines themselves"
            )
        block = directive.block
        return Directive(
            words=words,
            line=directive.line,
            last=directive.last,
            block=None if block is None else [self._written(one, at) for one in block],
        )

    def _filled(self, one: Word, arguments: Sequence[Word]) -> Iterator[Word]:
        if "{args" not in one.text:
            yield one
        elif some := _ARGUMENTS.fullmatch(one.text):
            yield from arguments[int(some[1] or 0) : int(some[2] or len(arguments))]
        elif (whole := _ARGUMENT.fullmatch(one.text)) and int(whole[1]) < len(arguments):
            yield arguments[int(whole[1])]
        else:
            yield word(_ARGUMENT.sub(lambda found: _argument(found, arguments), one.text))


def _argument(found: re.Match[str], arguments: Sequence[Word]) -> str:
    number = int(found[1])
    return arguments[number].text if number < len(arguments) else found[0]
