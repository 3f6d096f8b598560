"""The people of a stack: `homeport:users`, one place for all services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.names import NAME
from values.command_line import making
from values.model import Model, matching, secret_without

ROUNDS = 11
"""Cost of the hashes that `make user` makes."""
LEAST_ROUNDS = 10
_MOST_ROUNDS = 14
"""Of cost 14 a guess takes the gateway more than a second, and each step doubles that."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_BCRYPT = re.compile(r"\$2[aby]\$(?P<rounds>\d\d)\$[./A-Za-z0-9]{53}")
_WEAKER = {
    "$apr1$": "Apache's MD5",
    "$1$": "MD5",
    "{SHA}": "SHA-1 without salt",
    "$5$": "SHA-256 crypt",
    "$6$": "SHA-512 crypt",
}


def weakness(hashed: str) -> str:
    """Why this hash of a password is refused; empty if it isn't. Never contains the hash itself."""
    if form := _BCRYPT.fullmatch(hashed):
        rounds = int(form["rounds"])
        if LEAST_ROUNDS <= rounds <= _MOST_ROUNDS:
            return ""
        found = f"bcrypt of cost {rounds}"
    else:
        kinds = (what for mark, what in _WEAKER.items() if hashed.startswith(mark))
        found = next(kinds, "no hash of bcrypt")
    return (
        f"this is {found}; must be a hash of bcrypt, which begins with $2a$, $2b$ or $2y$, of cost "
        f"{LEAST_ROUNDS} to {_MOST_ROUNDS}"
    )


def user_name(text: str) -> str:
    """The name, unchanged. Raises ValueError with what is allowed."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            "not a user's name; use 1 to 64 letters, digits and . _ @ + -, a letter or digit first"
        )
    if text == "import":
        raise ValueError("a word of the gateway's own configuration; use another name")
    return text


Scope = Annotated[
    str,
    matching(
        rf"({NAME}|\*)/({NAME}|\*)",
        "a service and an environment of config/vault.yaml, such as shop/prod, shop/* or */local",
    ),
]


class VaultRights(Model):
    """Environments of services, by what a person may do there."""

    read: tuple[Scope, ...] = Field(default=(), examples=["[shop/*]"])
    write: tuple[Scope, ...] = Field(default=(), examples=["[shop/local]"])
    """Who writes an environment also reads it, and makes credentials for its application."""

    @property
    def empty(self) -> bool:
        """Whether the vault doesn't know this person."""
        return not (self.read or self.write)

    def readable(self, environments: Iterable[str]) -> frozenset[str]:
        """Those of `environments`, each as `shop/prod`, that this person reads."""
        return _within((*self.read, *self.write), environments)

    def writable(self, environments: Iterable[str]) -> frozenset[str]:
        """Those that this person writes."""
        return _within(self.write, environments)

    def unknown(self, environments: Iterable[str]) -> Iterator[tuple[str, str]]:
        """`read` or `write`, and what stands there and fits none of them."""
        known = list(environments)
        for name in ("read", "write"):
            for scope in getattr(self, name):
                if not _within([scope], known):
                    yield name, scope


def _within(scopes: Iterable[str], environments: Iterable[str]) -> frozenset[str]:
    patterns = [re.escape(scope).replace(r"\*", "[^/]+") for scope in scopes]
    return frozenset(
        environment
        for environment in environments
        if any(re.fullmatch(pattern, environment) for pattern in patterns)
    )


class User(Model):
    """Somebody with a password."""

    hash: Annotated[SecretStr, secret_without(weakness, made_by=making("user NAME=…"))] | None = (
        Field(default=None, repr=False)
    )
    """The password's bcrypt hash, which `make user` makes."""
    registry: Literal["read", "write"] = "read"
    """Whether packages and images may be read, or uploaded, pushed and deleted as well."""
    vault: VaultRights = VaultRights()
    """Which environments may be read or written; without any, the vault doesn't know this user."""


Users = Mapping[Annotated[str, AfterValidator(user_name)], User]
