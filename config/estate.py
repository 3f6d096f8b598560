"""All that `config/` and the stack file say, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from config.hosts import canonical_host
from config.services import Service
from config.settings import Settings
from config.site import Site
from config.vault import DeclaredKey
from values.entrance import Entrance
from values.images import Images
from values.prometheus import OwnFiles


@dataclass(frozen=True, kw_only=True)
class Estate:
    """One stack, fully described: data that the composition root hands to the components."""

    stack: str
    settings: Settings
    images: Images
    services: Mapping[str, Service]
    """What answers at a host of its own beside the sites, by name."""
    sites: tuple[Site, ...]
    remotes: Mapping[str, Path | str | None]
    """Where each site that follows git is fetched from, by the site's name: a folder of this
    repository, a URL, or nowhere, because this stack doesn't reach it."""
    entrance: Entrance
    """Where its gateway listens, and how it is reached."""
    in_vault: tuple[DeclaredKey, ...] = ()
    """The declared contents of the vault, if the stack has one."""
    watched: OwnFiles = field(default_factory=OwnFiles)
    """What a person adds to Prometheus."""

    def urls(self) -> list[dict[str, str]]:
        """All that the stack serves: name, kind and URL, as visitors type it."""
        return [*self._urls_of_sites(), *self._urls_of_services()]

    def _urls_of_services(self) -> list[dict[str, str]]:
        return [
            {
                "name": service.name,
                "kind": "service",
                "url": self.entrance.url(service.host),
            }
            for service in self.services.values()
        ]

    def _urls_of_sites(self) -> list[dict[str, str]]:
        return [
            {
                "name": site.name,
                "kind": "redirect" if site.redirect else "upstream" if site.upstream else "site",
                "url": self.entrance.url(host) + path,
            }
            for site in self.sites
            for host, path in site.locations
        ]

    def names(self) -> dict[str, str]:
        """The first URL of each service and site, by name."""
        return {entry["name"]: entry["url"] for entry in reversed(self.urls())}

    def shared(self, site: Site) -> bool:
        """Whether the gateway itself serves a site's files."""
        return site.shared(self.settings.hosting)

    def images_used(self) -> list[list[str]]:
        """Every image that this stack needs on its host: those that all of it needs, then those of
        each part, the ones that are quickest to build first. Said here and not by whoever uses one
        first, as that would be another order (docs/decisions/0010-images-with-the-update.md).
        """
        images, settings = self.images, self.settings
        has_php = any(site.runtime == "php" for site in self.sites)
        contained = any(
            site.source and site.runtime == "static" and not self.shared(site)
            for site in self.sites
        )
        parts = (
            (has_php, [images.php]),
            (self.remotes, [images.publisher]),
            (settings.registry, [images.pypi, images.registry]),
            (settings.vault, [images.vault]),
            (
                settings.prometheus,
                [images.node_exporter, images.blackbox, images.alertmanager, images.prometheus],
            ),
            (settings.daily_backup, [images.backup]),
        )
        return [
            [images.proxy, images.gateway, *([images.site] if contained else [])],
            *(group for is_used, group in parts if is_used),
        ]

    def redirect_target(self, url: str) -> str:
        """Where a redirect leads: to a host of this estate by the stack's own naming and port."""
        parts = urlsplit(url)
        try:
            host = self.settings.full_host(canonical_host(parts.hostname or ""))
        except ValueError:  # an address
            return url
        own = {host for site in self.sites for host in site.full_hosts}
        own |= {service.host for service in self.services.values()}
        if host not in own or parts.port:
            return url
        public = urlsplit(self.entrance.url(host))
        return parts._replace(scheme=public.scheme, netloc=public.netloc).geturl()
