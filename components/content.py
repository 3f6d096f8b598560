"""Where the content of sites lies that the gateway serves by itself, or that comes from git."""

from __future__ import annotations

from components.entrance import GATEWAY
from components.saved import Saved

CONTENT = "content"
"""The volume."""
SAVED = (Saved(volume=CONTENT, component=GATEWAY),)
"""What a backup has of it, where somebody asks for it: this repository and git have it as well."""
CONTENT_AT = "/content"
"""Where the router mounts the volume."""


def folder_of(site: str) -> str:
    """A site's folder in the volume: its releases, and `current`, a link to one of them."""
    return f"sites/{site}"


def root_of(site: str) -> str:
    """The web root of a site that the gateway serves."""
    return f"{CONTENT_AT}/{folder_of(site)}/current"
