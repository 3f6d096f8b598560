"""The section `homeport:vault` of a stack's settings. All that stands in it is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from values.command_line import making
from values.model import Model, secret

_SEAL_KEY = secret(r"[0-9a-f]{64}", "32 bytes in hexadecimal", made_by=making("vault-key"))
_CREDENTIAL = secret(
    r"[A-Za-z0-9_-]{20,128}", "20 to 128 letters and digits", made_by=making("vault-key")
)


def _as_text(value: object) -> object:
    # `pulumi config set` makes a number of 8000.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Value = Annotated[SecretStr, secret(".+", "text"), BeforeValidator(_as_text)]
"""What a stack's configuration gives a key."""


class VaultSection(Model):
    """A vault at `vault.<domain>`. `make vault-key` makes what it is opened with."""

    seal_key: Annotated[SecretStr, _SEAL_KEY] | None = Field(default=None, repr=False)
    """What the vault's storage is sealed with: without it nobody opens it again."""
    previous_seal_key: Annotated[SecretStr, _SEAL_KEY] | None = Field(default=None, repr=False)
    """The seal key of before, while the storage is sealed anew."""
    role_id: Annotated[SecretStr, _CREDENTIAL] | None = Field(default=None, repr=False)
    """The program's name at the vault."""
    secret_id: Annotated[SecretStr, _CREDENTIAL] | None = Field(default=None, repr=False)
    """The program's password at the vault."""
    values: Mapping[str, Mapping[str, Mapping[str, _Value]]] = Field(default={}, repr=False)
    """What this stack gives the keys that come `from config`, by service, environment and key."""

    @property
    def missing(self) -> list[str]:
        """The keys that a vault can't start without."""
        return [key for key in MADE if getattr(self, key) is None]


MADE = ("seal_key", "role_id", "secret_id")
"""What `make vault-key` makes."""
