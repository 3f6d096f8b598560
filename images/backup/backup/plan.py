"""What a run is told: one file, which root alone reads, because it holds secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Source:
    """The data of one component."""

    at: Path
    """Where its volume is mounted."""
    without: tuple[str, ...] = ()
    """What isn't saved, as restic has patterns, below `at`."""
    first: str = ""
    """A folder below `at` that is copied before all else is read; what it names is then there."""
    without_names: tuple[str, ...] = ()
    """Names that aren't copied of that folder, wherever they stand in it."""
    settled: int = 0
    """Seconds for which a file must not have changed."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A repository, and what goes into it."""

    host: str
    """Whose snapshots these are. A container's own name is another one each time, and restic would
    read all files again."""
    environment: Mapping[str, str] = field(repr=False)
    """What restic is told of the repository: where it is, and what opens it."""
    sources: tuple[Source, ...] = ()
    keep: Mapping[str, str] = field(default_factory=dict)
    """For how long the last snapshot of a day, week or month is kept (`daily`: `14d`)."""


def parse(text: str) -> Plan:
    """The plan that a text in JSON describes."""
    told: dict[str, Any] = json.loads(text)
    return Plan(
        host=told["host"],
        environment=told["environment"],
        sources=tuple(_source(source) for source in told["sources"]),
        keep=told.get("keep", {}),
    )


def _source(told: Mapping[str, Any]) -> Source:
    lists = {name: tuple(told[name]) for name in ("without", "without_names")}
    return Source(**{**told, **lists, "at": Path(told["at"])})
