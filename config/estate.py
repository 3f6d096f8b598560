"""All that `config/` and the stack file say, read once and checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pulumi

from config import git_sites
from config.hosts import canonical_host
from config.images import Images
from config.model import ConfigError
from config.services import services
from config.settings import LOCAL_PASSPHRASE, LOCAL_STACK, PROJECT, ROOT, Settings
from config.site import Redirect, Site, is_folder
from config.source import below, is_url
from config.yaml_file import YamlFile


@dataclass(frozen=True, kw_only=True)
class Estate:
    """One stack, fully described: data that the composition root hands to the components."""

    stack: str
    settings: Settings
    images: Images
    sites: tuple[Site, ...]
    remotes: Mapping[str, Path | str | None]
    """Where each site that follows git is fetched from, by the site's name: a folder of this
    repository, a URL, or nowhere, because this stack doesn't reach it."""
    acme_roots: str | None = None
    """What `tls.root` holds."""

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
        settings = images = None
        try:
            settings = Settings.parse(stack, config)
        except ConfigError as error:
            problems += error.problems
        try:
            images = Images.read(root / "config/images.yaml", "config/images.yaml")
        except ConfigError as error:
            problems += error.problems
        sites = []
        for file in sorted((root / "config/sites").glob("[!.]*")):
            try:
                sites.append(Site.read(file, f"config/sites/{file.name}", root))
            except ConfigError as error:
                problems += error.problems
        if settings:
            problems += _declared_twice(settings, sites)
            problems += _hosts_of_services(settings, sites)
            problems += _root_missing(stack, settings, root)
            problems += _redirected_to_themselves(settings, sites)
            problems += _examples_in_earnest(settings, sites)
            problems += _stand_ins_missing(stack, settings, sites, root)
            problems += git_sites.hidden_webhooks(settings, sites)
            problems += _local_is_reachable_from_outside(stack, settings.listen.address)
        if problems or not settings or not images:
            raise ConfigError(problems)
        roots = settings.tls.root
        return cls(
            stack=stack,
            settings=settings,
            images=images,
            sites=tuple(sites),
            remotes=git_sites.remotes(settings, sites, root),
            acme_roots=(root / roots).read_text(encoding="utf-8") if roots else None,
        )

    def warnings(self) -> list[str]:
        """What the files say and what nothing comes of, one sentence each."""
        return list(git_sites.warnings(self.stack, self.settings, self.sites, self.remotes))

    def urls(self) -> list[dict[str, str]]:
        """All that the stack serves: name, kind and URL, as visitors type it."""
        return [*self._urls_of_sites(), *self._urls_of_services()]

    def _urls_of_services(self) -> list[dict[str, str]]:
        return [
            {
                "name": service.name,
                "kind": "service",
                "url": self.settings.public_url(service.host),
            }
            for service in services(self.settings)
        ]

    def _urls_of_sites(self) -> list[dict[str, str]]:
        return [
            {
                "name": site.name,
                "kind": "redirect" if site.redirect else "upstream" if site.upstream else "site",
                "url": self.settings.public_url(host) + path,
            }
            for site in self.sites
            for host, path in map(self.settings.full_location, site.hosts)
        ]

    def images_used(self) -> frozenset[str]:
        """Every image that this stack needs on its host."""
        php = {self.images.php} if any(site.runtime == "php" for site in self.sites) else set()
        publisher = {self.images.publisher} if self.remotes else set()
        registry = {self.images.registry, self.images.pypi} if self.settings.registry else set()
        return frozenset({self.images.gateway, self.images.site} | php | publisher | registry)

    def redirect_target(self, url: str) -> str:
        """Where a redirect leads: to a host of this estate by the stack's own naming and port."""
        parts = urlsplit(url)
        try:
            host = self.settings.full_host(canonical_host(parts.hostname or ""))
        except ValueError:  # an address
            return url
        own = {self.settings.full_location(at)[0] for site in self.sites for at in site.hosts}
        own |= {service.host for service in services(self.settings)}
        if host not in own or parts.port:
            return url
        public = urlsplit(self.settings.public_url(host))
        return parts._replace(scheme=public.scheme, netloc=public.netloc).geturl()


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
                f"`pulumi stack change-secrets-provider passphrase --stack {stack}`"
            ]
        )


def _local_is_reachable_from_outside(stack: str, address: IPv4Address) -> list[str]:
    if stack != LOCAL_STACK or address.is_loopback:
        return []
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:listen.address is {str(address)!r}: the local stack "
        "listens on loopback alone; set it to 127.0.0.1, or use a stack of another name"
    ]


def _root_missing(stack: str, settings: Settings, root: Path) -> list[str]:
    file = settings.tls.root
    if not file or (root / file).is_file():
        return []
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:tls.root is {file!r}: there is no such file in this "
        "repository; create it, or leave it out where every machine trusts the issuer"
    ]


def _declared_twice(settings: Settings, sites: list[Site]) -> list[str]:
    problems = []
    owners: dict[tuple[str, str], Site] = {}
    for site in sites:
        for location in site.hosts:
            host, path = settings.full_location(location)
            owner = owners.get((host, path.lower()))  # the gateway's paths have no case
            if not owner:
                owners[host, path.lower()] = site
            elif owner is site:
                problems.append(f"{site.file}: hosts has {host + path!r} twice; keep one")
            else:
                problems.append(
                    f"{site.file}: hosts has {host + path!r}, which {owner.file} has as well; "
                    "keep it in one of them"
                )
    return problems


def _hosts_of_services(settings: Settings, sites: list[Site]) -> list[str]:
    by_host = {service.host: service for service in services(settings)}
    return [
        f"{site.file}: hosts has {location!r}, where the service {by_host[host].name} answers, "
        f"which {by_host[host].section} turns on; take another host, or take that section out"
        for site in sites
        for location in site.hosts
        if (host := settings.full_location(location)[0]) in by_host
    ]


def _redirected_to_themselves(settings: Settings, sites: list[Site]) -> list[str]:
    return [
        f"{site.redirect_at}: redirect.to is {site.redirect.to!r}: this site answers there itself, "
        "so a visitor would be redirected for ever; name a URL that it doesn't answer, or take "
        "that host out of hosts"
        for site in sites
        if site.redirect and _leads_back(settings, sites, site, site.redirect)
    ]


def _leads_back(settings: Settings, sites: list[Site], site: Site, redirect: Redirect) -> bool:
    """Whether a visitor of one of the site's locations is sent to one that it answers as well."""
    to = urlsplit(redirect.to)
    try:
        host = settings.full_host(canonical_host(to.hostname or ""))
    except ValueError:  # an address
        return False
    if to.port not in (None, settings.listen.http, settings.listen.https):
        return False
    paths = {
        path.lower(): other
        for other in sites
        for at, path in map(settings.full_location, other.hosts)
        if at == host
    }
    for _, asked in map(settings.full_location, site.hosts):
        path = (to.path.rstrip("/") + asked if redirect.keep_path else to.path).lower() + "/"
        # The longest path wins, as in the gateway.
        fitting = [known for known in paths if path.startswith(f"{known}/")]
        if fitting and paths[max(fitting, key=len)] is site:
            return True
    return False


def _examples_in_earnest(settings: Settings, sites: list[Site]) -> list[str]:
    """The example sites are other people's: nobody else may ask for their certificates."""
    examples = [site.file for site in sites if (site.email or "").endswith("@example.org")]
    if settings.tls.issuer == "internal" or not examples:
        return []
    return [
        f"{', '.join(examples)}: email is at example.org, so these are the examples that come "
        f"with Homeport; delete them before asking {settings.tls.issuer} for certificates, or "
        "give the owner's real address where a site is yours"
    ]


def _stand_ins_missing(stack: str, settings: Settings, sites: list[Site], root: Path) -> list[str]:
    sources = [site.source for site in sites if site.source]
    needed = {
        f"folders.{host_folder}": folder
        for host_folder, folder in settings.sources.folders.items()
        if any(source.host_folder == host_folder for source in sources)
    } | {
        f"mirror.{beginning}": place
        for beginning, place in settings.sources.mirror.items()
        if not is_url(place)
        and any(below(beginning, source.git) is not None for source in sources if source.git)
    }
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:sources.{key} is {folder!r}: there is no "
        "such folder in this repository; create it, or name one that is there"
        for key, folder in needed.items()
        if not is_folder(root / folder, root)
    ]
