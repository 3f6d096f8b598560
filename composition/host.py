"""The host: what prepares it, and where its gateway is reached."""

from __future__ import annotations

from components.entrance import Entrance
from config.estate import Estate
from config.settings import PROJECT, ROOT, Settings

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


def entrance(estate: Estate) -> Entrance:
    """Where the gateway is reached from this machine."""
    settings = estate.settings
    return Entrance(
        docker_host=settings.docker_host,
        stack=f"{PROJECT}/{estate.stack}",
        address=str(settings.listen.address),
        http=settings.listen.http,
        https=settings.listen.https,
        internal_ca=settings.tls.issuer == "internal",
        roots=estate.acme_roots,
    )
