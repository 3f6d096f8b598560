"""Files of a service, as plain data that whoever renders them hands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # renderers hand texts on, and need nothing of Pulumi
    import pulumi


@dataclass(frozen=True, kw_only=True)
class Files:
    """What the volume contains below `current/`, and what runs around a change."""

    public: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Texts by path."""
    secret: Mapping[str, pulumi.Input[str]] = field(default_factory=dict, repr=False)
    """Read by `owner` alone. Each is an entry of its own, so it stays encrypted in the state."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Folders of this machine by where they go (`""` is the top), read when they are written."""
    owner: int = 0
    """User id that secret files belong to."""
    validate: Sequence[str] = ()
    """Command that fails on a bad candidate. It sees the files where the service would."""
    reason: str = ""
    """Module whose `reason_in` finds why a command failed in what it printed; otherwise the error
    has all of the output."""
    shown_as: str = ""
    """Folder of the person's own files among these; errors call them by it."""
    reload: Sequence[str] = ()
    """Command run in every running container of the image that mounts the volume where the
    service does."""
