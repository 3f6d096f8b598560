"""A client of the vault, as an application or a person is one: hvac, over verified TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hvac
import requests
from requests.adapters import HTTPAdapter

from .client import Address


def connect(host: str, *, address: Address, ca: Path) -> hvac.Client:
    """A client of `host` at `address`: the name is never looked up. Nobody is logged in."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Host"] = host
    session.verify = str(ca)
    session.mount("https://", _Named(host))
    url = f"https://{address[0]}:{address[1]}"
    return hvac.Client(url, token="", namespace="", session=session, timeout=20)


class _Named(HTTPAdapter):
    """Connections to an address, verified as those of a host."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(
            *args, **kwargs, server_hostname=self._host, assert_hostname=self._host
        )
