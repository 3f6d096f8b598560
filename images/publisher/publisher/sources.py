"""sources.json: which sites exist, and where their content comes from.

The program writes the file, and preview checks it with this parser. The parser refuses every
unknown field, so the two can't drift apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, NoReturn, TypeVar, cast

T = TypeVar("T")
Object = dict[str, object]
Kind = Literal["branch", "tag", "commit"]

MIRROR = "mirror:"
"""Beginning of the address of a folder below `Paths.mirrors`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_REMOTE = re.compile(
    r"https?://[A-Za-z0-9\[][^\s@]*"  # no user: a token is in a separate file
    r"|ssh://(\w[\w.-]*@)?[A-Za-z0-9\[][^\s@]*"
    r"|\w[\w.-]*@[A-Za-z0-9][\w.-]*:[^\s@]+",
    re.ASCII,
)
_REF_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # SHA-1 or SHA-256
_PARTS = re.compile(
    r"(?P<scheme>[\w+.-]+://)?(?:[^@/]*@)?(?P<server>\[[^\]]*\]|[^:/]*)(?(scheme)(?P<port>:\d+)?)"
    r"[:/]*(?P<path>.*)",
    re.DOTALL,
)


class SourcesError(ValueError):
    """What is wrong with the file, in one sentence."""


@dataclass(frozen=True)
class Limits:
    """Limits for one run and for the files of one site."""

    seconds: int
    mib: int
    files: int


@dataclass(frozen=True)
class Ref:
    """Which version of a repository is published."""

    kind: Kind
    name: str


@dataclass(frozen=True)
class Webhook:
    """Where the git server announces pushes."""

    host: str
    path: str


@dataclass(frozen=True)
class Site:
    """One site and its repository."""

    name: str
    url: str
    """As the person wrote it; a webhook names this one."""
    fetch: str | None
    """Where it is fetched: a URL, or a folder of the mirror; None if nowhere."""
    ref: Ref | None
    directory: str
    as_: str
    every: int
    webhooks: tuple[Webhook, ...]


@dataclass(frozen=True)
class Sources:
    """The whole file."""

    limits: Limits
    sites: tuple[Site, ...]


def identity(url: str) -> str:
    """Server and path of a repository, however its URL is written.

    Case and port are dropped. At worst, two repositories look the same, and one is fetched in vain.
    """
    parts = _parts(url)
    path = parts["path"].strip("/").removesuffix(".git").strip("/")
    return f"{parts['server']}/{path}".lower()


def server(url: str) -> str:
    """The server, with its port, that a fetch asks."""
    parts = _parts(url)
    return MIRROR if url.startswith(MIRROR) else parts["server"] + (parts["port"] or "")


def _parts(url: str) -> re.Match[str]:
    return cast(re.Match[str], _PARTS.fullmatch(url.strip()))  # it matches any text


def load(file: Path) -> Sources:
    """The sources in this file. Raises SourcesError."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SourcesError(f"{file} can't be read: {error}") from error
    try:
        return parse(text)
    except SourcesError as error:
        raise SourcesError(f"{file}: {error}") from error


def parse(text: str) -> Sources:
    """The sources in this text. Raises SourcesError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourcesError(f"the text isn't JSON: {error}") from error
    top = _object(document, "the file", ("limits", "sites"))
    limits = _object(top["limits"], "limits", ("seconds", "mib", "files"))
    return Sources(
        limits=Limits(**{name: _number(value, f"limits.{name}") for name, value in limits.items()}),
        sites=tuple(_site(name, value) for name, value in _entries(top["sites"], "sites")),
    )


def _site(name: str, value: object) -> Site:
    at = f"sites.{name}"
    _text(name, at, _NAME.fullmatch, "a name of lower-case letters, digits, - and _")
    names = ("url", "fetch", "ref", "directory", "as", "every", "webhooks")
    given = _object(value, at, names)
    webhooks = given["webhooks"]
    if not isinstance(webhooks, list):
        _refuse(webhooks, f"{at}.webhooks", "a list")
    return Site(
        name=name,
        url=_text(given["url"], f"{at}.url", _is_line, "a repository's URL"),
        fetch=_optional(given["fetch"], f"{at}.fetch", _fetch),
        ref=_optional(given["ref"], f"{at}.ref", _ref),
        directory=_folder(given["directory"], f"{at}.directory"),
        as_=_folder(given["as"], f"{at}.as"),
        every=_number(given["every"], f"{at}.every"),
        webhooks=tuple(
            _webhook(webhook, f"{at}.webhooks.{number}") for number, webhook in enumerate(webhooks)
        ),
    )


def _fetch(value: object, at: str) -> str:
    return _text(
        value,
        at,
        lambda text: (
            _is_folder(text.removeprefix(MIRROR))
            if text.startswith(MIRROR)
            else _REMOTE.fullmatch(text)
        ),
        "an https, http or SSH URL without a password, or mirror: and a folder",
    )


def _ref(value: object, at: str) -> Ref:
    entries = _entries(value, at)
    if len(entries) != 1 or entries[0][0] not in ("branch", "tag", "commit"):
        _refuse(value, at, "one of branch, tag, commit")
    kind, name = entries[0]
    pattern = _COMMIT if kind == "commit" else _REF_NAME
    return Ref(cast(Kind, kind), _text(name, f"{at}.{kind}", pattern.fullmatch, f"a {kind}"))


def _webhook(value: object, at: str) -> Webhook:
    given = _object(value, at, ("host", "path"))
    return Webhook(
        host=_text(given["host"], f"{at}.host", _is_line, "a host's name").lower(),
        path=_text(
            given["path"],
            f"{at}.path",
            lambda text: _is_line(text) and text.startswith("/"),
            "a path such as /push",
        ),
    )


def _folder(value: object, at: str) -> str:
    return _text(value, at, lambda text: not text or _is_folder(text), "a folder without .. or .")


def _is_folder(text: str) -> bool:
    path = PurePosixPath(text)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and text == path.as_posix() != "." and text.isprintable()


def _is_line(text: str) -> bool:
    return text.isprintable() and text != "" and " " not in text


def _optional(value: object, at: str, read: Callable[[object, str], T]) -> T | None:
    return None if value is None else read(value, at)


def _text(value: object, at: str, is_right: Callable[[str], object], allowed: str) -> str:
    if not isinstance(value, str) or not is_right(value):
        _refuse(value, at, allowed)
    return value


def _number(value: object, at: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        _refuse(value, at, "a whole number above 0")
    return value


def _object(value: object, at: str, names: Iterable[str]) -> Object:
    """The value, if it is an object with exactly these names."""
    given = dict(_entries(value, at))
    for name in names:
        if name not in given:
            raise SourcesError(f"{at}: {name} is missing")
    if unknown := sorted(given.keys() - set(names)):
        raise SourcesError(f"{at}: there is no field {unknown[0]!r}; allowed: {', '.join(names)}")
    return given


def _entries(value: object, at: str) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        _refuse(value, at, "an object")
    return list(cast(Object, value).items())


def _refuse(value: object, at: str, allowed: str) -> NoReturn:
    kinds: dict[type, str] = {dict: "an object", list: "a list"}
    shown = kinds.get(type(value)) or json.dumps(value)[:80]
    raise SourcesError(f"{at} is {shown}: must be {allowed}")
