"""The paths of everything that the service reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The folders of the container; each test has its own."""

    configured: Path = Path("/etc/publisher/current")
    """A link to what the program wrote; the program switches it to a new release."""
    mirrors: Path = Path("/mirror/current")
    """A link to folders that replace remote repositories, switched in the same way."""
    state: Path = Path("/state")
    """The data volume."""
    askpass: Path = Path("/usr/local/bin/askpass")

    @property
    def sources(self) -> Path:
        return self.configured / "sources.json"

    @property
    def known_hosts(self) -> Path:
        return self.configured / "known_hosts"

    @property
    def temporary(self) -> Path:
        """Beside the content, because /tmp is small."""
        return self.state / "tmp"

    def webhook_secret(self, site: str) -> Path:
        return self.configured / "webhooks" / site

    def token(self, site: str) -> Path:
        return self.configured / "credentials" / f"{site}.token"

    def key(self, site: str) -> Path:
        return self.configured / "credentials" / f"{site}.key"

    def repository(self, site: str) -> Path:
        return self.state / "git" / site

    def mirror(self, path: str) -> Path:
        """The repository that is made from a folder of the mirror."""
        return self.state / "mirror" / f"{path}.git"

    def site(self, site: str) -> Path:
        return self.state / "sites" / site

    def status(self, site: str) -> Path:
        return self.state / "status" / f"{site}.json"
