"""What the vault holds: services, their environments and keys, in `config/vault.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from config.names import NAME
from values.model import FieldsError, Model

Kind = Literal["url", "port", "credential", "config"]
Origin = Literal["generated", "from config", "by hand", "of", "written"]

_T = TypeVar("_T")
_SHORT = re.compile(
    r"(?P<kind>url|port|credential|config) "
    r"(?:(?P<origin>generated|from config|by hand)|of (?P<name>\S+))"
)
_ALLOWED = (
    "must be a kind (url, port, credential or config) and where the value comes from (generated, "
    "from config, by hand, or of and the name of a service or site), such as `credential "
    "generated`; or a kind and the value, such as {port: 8000}"
)


def _named(pattern: str, what: str, allowed: str) -> AfterValidator:
    """Checks a mapping and its names here, so that an error stands at the name's own line."""
    form = re.compile(pattern)

    def check(mapping: Mapping[str, _T]) -> Mapping[str, _T]:
        if not mapping:
            raise ValueError(f"must have at least one {what}")
        for name in mapping:
            if not form.fullmatch(name):
                raise FieldsError([name], f"{what}'s name must be {allowed}")
        return mapping

    return AfterValidator(check)


class Key(Model):
    """One value of an environment: its kind, and where it comes from."""

    kind: Kind
    origin: Origin
    text: str = ""
    """The name that a URL is `of`, or the value that is written in the file."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, given: object) -> object:
        if isinstance(given, str) and (short := _SHORT.fullmatch(given)):
            kind, origin, name = short["kind"], short["origin"] or "of", short["name"] or ""
        elif isinstance(given, Mapping) and len(given) == 1 and set(given) < {*_KINDS}:
            ((kind, name),) = given.items()
            origin = "written"
            if kind == "credential":
                raise FieldsError(
                    [kind],
                    "a credential must not be in this file; write `credential from config`, and "
                    "give it a value in each stack's homeport:vault.values",
                )
            if problem := unfit(kind, name):
                raise FieldsError([kind], problem)
        else:
            raise ValueError(_ALLOWED)
        if origin == "generated" and kind != "credential":
            raise ValueError("only a credential can be generated")
        if origin == "of" and kind != "url":
            raise ValueError("only a url can be that of a service or site")
        return {"kind": kind, "origin": origin, "text": str(name)}

    @property
    def words(self) -> str:
        """Kind and origin, as the file writes them; never a value."""
        return f"{self.kind} {self.origin} {self.text if self.origin == 'of' else ''}".rstrip()


_KINDS: tuple[Kind, ...] = ("url", "port", "credential", "config")


def unfit(kind: str, value: object) -> str:
    """Why a value isn't of its kind, without showing it; empty where it is."""
    if kind == "port":
        number = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,4}", number, re.ASCII):
            return "must be a port, 1 to 65535"
        return "" if int(number) <= 65535 else "must be a port, 1 to 65535"
    if not isinstance(value, str):
        return "must be text, put in quotes"
    if not value:
        return "must not be empty"
    if kind == "url" and not _is_url(value):
        return "must be a URL, such as postgres://database:5432/shop"
    return ""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not re.search(r"\s", text)


_NAME_ALLOWED = "at most 40 of a-z, 0-9, - and _, with a letter or digit at both ends"
_Environment = Annotated[
    Mapping[str, Key],
    _named(
        r"[A-Za-z_][A-Za-z0-9_]{0,63}", "key", "at most 64 letters, digits and _, no digit first"
    ),
]
_Service = Annotated[Mapping[str, _Environment], _named(NAME, "environment", _NAME_ALLOWED)]


class VaultFile(Model):
    """What the file says: keys by service and environment."""

    services: Annotated[Mapping[str, _Service], _named(NAME, "service", _NAME_ALLOWED)]


@dataclass(frozen=True, kw_only=True)
class DeclaredKey:
    """A key, and where it is declared."""

    service: str
    environment: str
    name: str
    key: Key
    at: str
    """`config/vault.yaml` and the line, for messages."""

    @property
    def path(self) -> str:
        """Its service and environment, as in the vault's paths: `shop/prod`."""
        return f"{self.service}/{self.environment}"

    @property
    def dotted(self) -> str:
        """As the stack's configuration names it: `shop.prod.api_token`."""
        return f"{self.service}.{self.environment}.{self.name}"
