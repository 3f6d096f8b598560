"""The backup: what it saves of the parts that a stack has."""

from __future__ import annotations

from components import content
from components.gateway import gateway
from components.prometheus import saved as prometheus
from components.registry import config as registry
from components.saved import Saved
from config.backup_section import BackupSection
from config.estate import Estate

ALL = ("content", "metrics")
"""All that a section may include."""


def what_is_saved(estate: Estate, section: BackupSection) -> list[Saved]:
    """The volumes of all parts. The vault isn't among them: it gives a snapshot itself."""
    settings = estate.settings
    parts = (
        (True, gateway.SAVED),
        (settings.registry, registry.SAVED),
        (settings.prometheus, prometheus.ALERTS),
        (settings.prometheus and "metrics" in section.include, prometheus.METRICS),
        ("content" in section.include, content.SAVED),
    )
    return [saved for is_there, volumes in parts if is_there for saved in volumes]
