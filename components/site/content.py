"""Where a site's content is in its container, and what of it nobody gets to see."""

from __future__ import annotations

import re
from collections.abc import Iterable

CONTENT_AT = "/srv"
ROOT = f"{CONTENT_AT}/current"
"""The web root: a link that is switched to the next release."""

HIDDEN = (".git*", ".env", ".env.*", ".ht*", ".user.ini", ".svn", ".hg", ".bzr")
"""Files and folders that are neither sent nor listed: what programs keep beside the pages, with
their history, settings and passwords."""


def hidden_regexp(names: Iterable[str]) -> str:
    """The same as one regular expression for a path."""
    parts = "|".join(re.escape(name).replace(r"\*", "[^/]*") for name in names)
    return f"(?:^|/)(?:{parts})(?:/|$)"


def hidden_paths(names: Iterable[str]) -> list[str]:
    """The same as paths of a request, as a Caddyfile's `path` matches them."""
    return [
        pattern
        for name in names
        for pattern in ([f"*/{name}"] if name.endswith("*") else [f"*/{name}", f"*/{name}/*"])
    ]
