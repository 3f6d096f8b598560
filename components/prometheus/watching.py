"""How a stack is watched, as the composition says it."""

from __future__ import annotations

from dataclasses import dataclass

from values.entrance import Entrance
from values.images import Images
from values.prometheus import OwnFiles, PrometheusSettings


@dataclass(frozen=True, kw_only=True)
class Watching:
    """How Prometheus watches a stack, and who gets alerts."""

    images: Images
    outside: bool
    """Whether Prometheus and Alertmanager may leave the host, to scrape and to tell."""
    url: str
    """Where people find Prometheus."""
    entrance: Entrance
    """Where visitors' questions are asked. What its certificates are known by is alone believed."""
    settings: PrometheusSettings
    own: OwnFiles
    backup: bool
    """Whether the host saves its data by itself."""
