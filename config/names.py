"""What a site, a service of the vault and an environment may be called."""

from __future__ import annotations

from typing import Literal

NAME = r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?"
"""It becomes part of paths, labels, roles and policies."""
Hosting = Literal["shared", "container"]
"""What serves a site: the gateway itself, or a container of its own."""
