"""Where everything is in the containers of the backup, and what they are told. Plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from components.saved import Saved
from components.targets import Target

COMPONENT = "backup"
DATA_AT = "/data"
FOLDER_AT = "/repository"
"""Where a repository that is a folder is."""
COPIES_AT = "/copies"
STATE_AT = "/state"
PLAN_AT = "/plan"
PLAN = "plan.json"
MEMORY_MIB = 512
READS = ("DAC_READ_SEARCH",)
"""What lets root read whoever's files."""

_PORT = 9120
TARGETS = (Target(job=COMPONENT, address=f"{COMPONENT}:{_PORT}"),)
# As its image has no wget.
PROBE = (
    "python3 -c 'import urllib.request as u; "
    f'u.urlopen("http://127.0.0.1:{_PORT}/metrics", timeout=4)\''
)


def environment(
    repository: str, *, is_folder: bool, password: str, credential: Mapping[str, str]
) -> dict[str, str]:
    """What restic is told of a repository."""
    where = FOLDER_AT if is_folder else repository
    return {"RESTIC_REPOSITORY": where, "RESTIC_PASSWORD": password, **credential}


def capabilities(*given: str, is_folder: bool) -> list[str]:
    """Those that a container is given, and what writes to a folder, which may be a person's."""
    return sorted({*given, *(["DAC_OVERRIDE"] if is_folder else [])})


def plan(host: str, environment: Mapping[str, str], saved: Iterable[Saved], **more: object) -> str:
    """The file that a container reads: whose snapshots these are, and what goes where."""
    sources = [source(one) for one in saved]
    return json.dumps({"host": host, "environment": environment, "sources": sources, **more})


def source(saved: Saved) -> dict[str, Any]:
    """How a volume is read, and where it is."""
    told = asdict(saved)
    del told["component"]
    return {"at": f"{DATA_AT}/{told.pop('volume')}", **told}
