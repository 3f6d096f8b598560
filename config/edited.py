"""Files of sites as somebody is about to write them: what a preview reads in place of the files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "HOMEPORT_EDITED"
"""Names a file with the texts as JSON, for the programs of a preview, which start each other."""

Edited = Mapping[str, str | None]
"""Texts by the file's name in `config/sites/`; None for a file that is about to go."""


def from_environment() -> Edited:
    """What a preview was given; nothing otherwise."""
    file = os.environ.get(VARIABLE)
    if not file:
        return {}
    edited: Edited = json.loads(Path(file).read_text(encoding="utf-8"))
    return edited
