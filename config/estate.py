"""All that `config/` and the stack file say, read once and checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pulumi

from config import estate_problems, git_sites, images, prometheus, vault, vault_values
from config.hosts import canonical_host
from config.model import ConfigError
from config.services import Service
from config.settings import LOCAL_PASSPHRASE, LOCAL_STACK, PROJECT, ROOT, Settings
from config.site import Site
from config.yaml_file import YamlFile
from values import command_line
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
    in_vault: tuple[vault.DeclaredKey, ...] = ()
    """What the vault shall hold, where there is one."""
    watched: OwnFiles = field(default_factory=OwnFiles)
    """What a person adds to Prometheus."""

    @classmethod
    def of_program(cls) -> Estate:
        """The estate of the stack that the engine is running, with its warnings printed.

        Raises pulumi.RunError, which prints its message without a traceback.
        """
        stack = pulumi.get_stack()
        config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
        try:
            _refuse_local_passphrase(stack)
            estate = cls.load(stack, _own(config))
            _refuse_missing_keys(stack, estate.settings)
        except ConfigError as error:
            raise pulumi.RunError(str(error)) from None
        for warning in estate.warnings():
            pulumi.log.warn(warning)
        return estate

    @classmethod
    def of_files(cls, stack: str, root: Path = ROOT) -> Estate:
        """The estate of a stack, read without the engine: secrets stay encrypted.

        Raises ConfigError, also where the stack has no file.
        """
        name = f"Pulumi.{stack}.yaml"
        if not (root / name).exists():
            raise ConfigError([f"there is no stack {stack}: {name} is missing"])
        config = YamlFile(root / name, name).data.get("config") or {}
        if not isinstance(config, dict):
            raise ConfigError([f"{name}: config must be a mapping of keys to values"])
        return cls.load(stack, _own(config), root)

    @classmethod
    def load(cls, stack: str, config: Mapping[str, object], root: Path = ROOT) -> Estate:
        """Read every file. Raises ConfigError with the problems of all of them at once."""
        problems: list[str] = []
        settings = roles = None
        try:
            settings = Settings.parse(stack, config)
        except ConfigError as error:
            problems += error.problems
        try:
            roles = images.read(root / "config/images.yaml", "config/images.yaml")
        except ConfigError as error:
            problems += error.problems
        sites = []
        for file in sorted((root / "config/sites").glob("[!.]*")):
            try:
                sites.append(Site.read(file, f"config/sites/{file.name}", root))
            except ConfigError as error:
                problems += error.problems
        watched = OwnFiles()
        try:
            watched = prometheus.read(root)
        except ConfigError as error:
            problems += error.problems
        answering: Mapping[str, Service] = {}
        if settings:
            sites = [site.located(settings.full_location) for site in sites]
            answering = settings.services
            problems += estate_problems.found(stack, settings, sites, answering.values(), root)
            problems += git_sites.hidden_webhooks(sites)
        in_vault: tuple[vault.DeclaredKey, ...] = ()
        if settings and settings.vault:
            try:
                in_vault = vault.read(root / "config/vault.yaml", "config/vault.yaml")
            except ConfigError as error:
                problems += error.problems
        if problems or not settings or not roles:
            raise ConfigError(problems)
        estate = cls(
            stack=stack,
            settings=settings,
            images=roles,
            services=answering,
            sites=tuple(sites),
            remotes=git_sites.remotes(settings, sites, root),
            watched=watched,
            entrance=_entrance(stack, settings, root),
            in_vault=in_vault,
        )
        # Here, because values come from what all the rest has.
        if unfit := list(vault_values.problems(stack, in_vault, settings, estate.names())):
            raise ConfigError(unfit)
        return estate

    def warnings(self) -> list[str]:
        """What the files say and what nothing comes of, one sentence each."""
        return [
            *git_sites.warnings(self.stack, self.settings, self.sites, self.remotes),
            *vault_values.without_value(self.stack, self.in_vault, self.settings),
        ]

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

    def images_used(self) -> list[list[str]]:
        """Every image that this stack needs on its host: those that all of it needs, then those of
        each part, the ones that are quickest to build first. Said here and not by whoever uses one
        first, as that would be another order (docs/decisions/0010-images-with-the-update.md).
        """
        images, settings = self.images, self.settings
        has_php = any(site.runtime == "php" for site in self.sites)
        parts = (
            (has_php, [images.php]),
            (self.remotes, [images.publisher]),
            (settings.registry, [images.pypi, images.registry]),
            (settings.vault, [images.vault]),
            (
                settings.prometheus,
                [images.node_exporter, images.blackbox, images.alertmanager, images.prometheus],
            ),
        )
        return [
            [images.proxy, images.gateway, images.site],
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


def _entrance(stack: str, settings: Settings, root: Path) -> Entrance:
    roots = settings.tls.root
    return Entrance(
        **settings.listen.model_dump(),
        docker_host=settings.docker_host,
        stack=f"{PROJECT}/{stack}",
        plain_hosts=settings.plain_hosts,
        internal_ca=settings.tls.internal,
        roots=(root / roots).read_text(encoding="utf-8") if roots else None,
    )


def _own(config: Mapping[str, object]) -> dict[str, object]:
    """The project's own keys, without their namespace."""
    prefix = f"{PROJECT}:"
    return {key[len(prefix) :]: value for key, value in config.items() if key.startswith(prefix)}


def _refuse_local_passphrase(stack: str) -> None:
    """The published local word would protect nothing of a real stack."""
    file = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    given = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if given is None and file and Path(file).is_file():
        given = Path(file).read_text(encoding="utf-8", errors="replace").strip()
    if stack != LOCAL_STACK and given == LOCAL_PASSPHRASE:
        raise ConfigError(
            [
                f"stack {stack}: its passphrase is the local stack's published word, which "
                "protects nothing; change it with "
                f"`{command_line.pulumi(stack, 'stack change-secrets-provider passphrase')}`"
            ]
        )


def _refuse_missing_keys(stack: str, settings: Settings) -> None:
    """Only the program needs them: commands run without, the one that makes them first of all."""
    if settings.vault and (missing := settings.vault.missing):
        raise ConfigError(
            [
                f"Pulumi.{stack}.yaml: {PROJECT}:vault has no {', '.join(missing)}; "
                f"`{command_line.make(stack, 'vault-key')}` makes what is missing"
            ]
        )
