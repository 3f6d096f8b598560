"""What a person may do in the vault: the field `vault` of a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from config.names import NAME
from values.model import Model, matching

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
