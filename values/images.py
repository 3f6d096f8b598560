"""The images that run, by role."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from values.model import Model

_REF = re.compile(r"[a-z0-9][a-z0-9._/:-]*:(?!latest\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")


def _exact(text: str) -> str:
    if not _REF.match(text):
        raise ValueError("must be a name and an exact version, such as caddy:2.11.7")
    return text


Ref = Annotated[str, AfterValidator(_exact)]


class Images(Model):
    """Name and exact version of the image of each role."""

    proxy: Ref
    gateway: Ref
    site: Ref
    php: Ref
    publisher: Ref
    registry: Ref
    pypi: Ref
    vault: Ref
    prometheus: Ref
    alertmanager: Ref
    blackbox: Ref
    node_exporter: Ref
    backup: Ref
