"""What opens a repository over SFTP: two files for ssh, in a folder that is in memory alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BOTH = KEY, KNOWN_HOST = "SFTP_KEY", "SFTP_KNOWN_HOST"
"""Variables of the plan: the private key, and the server's line of known_hosts."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - Docker gives each container one of its own


def options(environment: Mapping[str, str]) -> list[str]:
    """What restic is told besides, where the plan has both."""
    if not environment.keys() >= {*BOTH}:
        return []
    for name in BOTH:
        file = _MEMORY / name
        file.touch(mode=0o600)
        file.write_text(environment[name].rstrip("\n") + "\n", encoding="utf-8")
    told = {
        "IdentityFile": _MEMORY / KEY,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": _MEMORY / KNOWN_HOST,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "30",
    }
    words = " ".join(f"-o {name}={value}" for name, value in told.items())
    return ["--option", f"sftp.args={words}"]
