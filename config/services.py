"""The services of a stack: what answers at a host of its own, beside the sites."""

from __future__ import annotations

from dataclasses import dataclass

SERVICES = {
    "registry": ["pypi", "registry"],
    "vault": ["vault"],
    "prometheus": ["prometheus"],
}
"""By the section of the stack's file that turns them on."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What answers at `<name>.<domain>`, because its section stands in the stack file."""

    name: str
    host: str
    """As it is typed."""
    section: str
    """The setting that it exists by."""
