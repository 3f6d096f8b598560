"""What a backup has of Prometheus and Alertmanager."""

from __future__ import annotations

from components.saved import Saved

ALERTS = (Saved(volume="alertmanager-data", component="alertmanager"),)
"""Silences, and who was told what."""
METRICS = (
    # What is written all the time is left out: up to three hours, which aren't in a block yet.
    Saved(
        volume="prometheus-data",
        component="prometheus",
        without=("chunks_head", "lock", "queries.active", "wal", "wbl"),
    ),
)
"""All that was recorded, where somebody asks for it."""
