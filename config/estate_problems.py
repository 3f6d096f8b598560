"""What doesn't fit together in files that are each well by themselves, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from config import git_sites
from config.hosts import MAX_HOST, canonical_host
from config.services import services
from config.settings import LOCAL_STACK, PROJECT, Settings
from config.site import Redirect, Site, is_folder
from config.source import below, is_url


def found(stack: str, settings: Settings, sites: list[Site], root: Path) -> Iterator[str]:
    """The problems of a stack's settings and of all sites."""
    yield from _declared_twice(settings, sites)
    yield from _hosts_too_long(settings, sites)
    yield from _hosts_of_services(settings, sites)
    yield from _services_in_clear(stack, settings)
    yield from _root_missing(stack, settings, root)
    yield from _redirected_to_themselves(settings, sites)
    yield from _examples_in_earnest(settings, sites)
    yield from _stand_ins_missing(stack, settings, sites, root)
    yield from git_sites.hidden_webhooks(settings, sites)
    yield from _local_is_reachable_from_outside(stack, settings.listen.address)


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


def _hosts_too_long(settings: Settings, sites: list[Site]) -> list[str]:
    """A host may fit as it is written, and not with what the stack puts behind it."""
    return [
        f"{place}: hosts has {location!r}, which is {full!r} in this stack: {len(full)} "
        f"characters, and DNS allows {MAX_HOST}; take a shorter one"
        for site in sites
        for place, location in zip(site.hosts_at, site.hosts, strict=True)
        if len(full := settings.full_location(location)[0]) > MAX_HOST
    ]


def _hosts_of_services(settings: Settings, sites: list[Site]) -> list[str]:
    by_host = {service.host: service for service in services(settings)}
    return [
        f"{site.file}: hosts has {location!r}, where the service {by_host[host].name} answers, "
        f"which {by_host[host].section} turns on; take another host, or take that section out"
        for site in sites
        for location in site.hosts
        if (host := settings.full_location(location)[0]) in by_host
    ]


def _services_in_clear(stack: str, settings: Settings) -> list[str]:
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:plain_http has {service.host!r}, where the service "
        f"{service.name} answers, and people send it passwords; take it out"
        for service in services(settings)
        if service.host in settings.plain_hosts
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
    if settings.tls.internal or not examples:
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
