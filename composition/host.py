"""The host: what prepares it."""

from __future__ import annotations

from config.settings import ROOT, Settings

_HOST_STEPS = {
    "docker": ["docker"],
    "start_at_boot": ["start_at_boot"],
    "live_restore": ["daemon", "live_restore"],
    "log_rotation": ["daemon", "log_rotation"],
}


def host_steps(settings: Settings) -> dict[str, str]:
    """The scripts that prepare the host, by name and in the order in which they need each other."""
    return {
        step: "".join((ROOT / "setup/host" / part).read_text() for part in parts)
        for step, parts in _HOST_STEPS.items()
        if step in settings.prepare
    }
