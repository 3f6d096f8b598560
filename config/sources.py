"""How a stack gets what sites are made of: mirrors, limits, and the secrets of sites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from config.source import AT_HTTPS, AT_SSH, Inside, inside
from values.limits import Limits
from values.model import FieldsError, Model, matching, secret

_BEGINNING = rf"({AT_HTTPS}|{AT_SSH})[^\s@]*"
_KNOWN_HOST = "a line of known_hosts, such as git.example.org ssh-ed25519 AAAA…"


def _stand_in(text: str) -> str:
    # Plain http as well: a mirror may stand on the next machine.
    if re.fullmatch(_BEGINNING, re.sub(r"^http:", "https:", text)):
        return text
    if ":" in text:
        raise ValueError(
            "must be a folder of this repository, or the beginning of URLs without a password, "
            "such as https://git.example.org/"
        )
    return inside(text)


def _beginnings(mirror: Mapping[str, str]) -> Mapping[str, str]:
    for url in mirror:
        if not re.fullmatch(_BEGINNING, url):
            raise FieldsError(
                [url], "must be the beginning of repositories' URLs, such as https://github.com/"
            )
    return mirror


class Sources(Model):
    """How this stack gets what sites are made of."""

    folders: Mapping[str, Inside] = {}
    """Folders of the host (`host_folder`) by the folder of this repository that is served
    instead, so that a site's file stays as it is."""
    mirror: Annotated[
        Mapping[str, Annotated[str, AfterValidator(_stand_in)]], AfterValidator(_beginnings)
    ] = {}
    """Beginnings of repositories' URLs by what takes their place: a folder of this repository,
    where it has the repository, or the beginning of other URLs. The longest that fits is taken."""
    limits: Limits = Limits()
    known_hosts: tuple[Annotated[str, matching(r"[^\s#]+ \S+ \S.*", _KNOWN_HOST)], ...] = ()
    """Public keys of servers that are reached over SSH; GitHub's are known."""


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
