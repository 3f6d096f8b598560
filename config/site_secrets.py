"""The section `homeport:site_secrets`: what the sites that follow git are fetched with."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr

from values.model import Model, secret


class SiteSecrets(Model):
    """What a site's git source takes that nobody else may know."""

    webhook: Annotated[SecretStr, secret(r"[^\x00-\x1f\x7f]+", "text of one line")] | None = None
    """What pushes are signed with."""
    token: Annotated[SecretStr, secret(r"[!-~]+", "a token, which has no spaces")] | None = None
    """For a private repository over https."""
    key: (
        Annotated[
            SecretStr,
            secret(
                r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s.+\s-----END [A-Z ]*PRIVATE KEY-----\s*",
                "a private key from its line BEGIN to its line END, as ssh-keygen writes it",
            ),
        ]
        | None
    ) = None
    """For a private repository over SSH."""
