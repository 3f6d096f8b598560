"""What a site, a service of the vault and an environment may be called."""

from __future__ import annotations

import re
from typing import Literal

NAME = r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?"
"""It becomes part of paths, labels, roles and policies."""
Hosting = Literal["shared", "container"]
"""What serves a site: the gateway itself, or a container of its own."""

# Names of the other components: labels and volumes are told apart by them.
RESERVED = {
    "host",
    "proxy",
    "router",
    "publisher",
    "registry",
    "pypi",
    "vault",
    "prometheus",
    "alertmanager",
    "blackbox",
    "node-exporter",
    "smoke",
    "backup",
}


def name_problem(name: str, shown_as: str) -> str | None:
    """What is wrong with the name of a site's file, in a sentence; None if nothing is."""
    stem, _, ending = name.rpartition(".")
    if ending != "yaml":
        return f"{shown_as}: a site's file ends in .yaml, such as blog.yaml; rename or move it"
    if not re.fullmatch(NAME, stem):
        return (
            f"{shown_as}: a site's file name is 1 to 40 lower-case letters, digits, hyphens and "
            "underscores before .yaml, such as blog.yaml; rename it"
        )
    if stem in RESERVED:
        return f"{shown_as}: {stem} is the name of a part of Homeport; rename the file"
    return None
