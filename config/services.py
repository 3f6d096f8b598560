"""The services of a stack: what answers at a host of its own, beside the sites."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import PROJECT, Settings


@dataclass(frozen=True, kw_only=True)
class Service:
    """What answers at `<name>.<domain>`, because its section stands in the stack file."""

    name: str
    host: str
    """As it is typed."""
    section: str
    """The setting that it exists by."""


def services(settings: Settings) -> dict[str, Service]:
    """The services that this stack has, by name."""
    sections = {
        "registry": ["pypi", "registry"],
        "vault": ["vault"],
        "prometheus": ["prometheus"],
    }
    return {
        name: Service(name=name, host=settings.full_host(name), section=f"{PROJECT}:{section}")
        for section, names in sections.items()
        if getattr(settings, section) is not None
        for name in names
    }
