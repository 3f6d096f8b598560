"""What doesn't fit together in files that are each well by themselves, one sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from config.hosts import CONSOLE, MAX_HOST, canonical_host
from config.places import below, is_folder, is_url
from config.services import Service
from config.settings import LOCAL_STACK, PROJECT, Settings
from config.site import Redirect, Site


def found(
    stack: str, settings: Settings, sites: list[Site], services: Iterable[Service], root: Path
) -> Iterator[str]:
    """The problems of a stack's settings and of all sites."""
    yield from _declared_twice(sites)
    yield from _hosts_too_long(sites)
    yield from _hosts_of_the_console(sites)
    yield from _hosts_of_services(services, sites)
    yield from _services_in_clear(stack, settings, services)
    yield from _root_missing(stack, settings, root)
    yield from _redirected_to_themselves(settings, sites)
    yield from _examples_in_earnest(settings, sites)
    yield from _stand_ins_missing(stack, settings, sites, root)
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


def _declared_twice(sites: list[Site]) -> list[str]:
    problems = []
    owners: dict[tuple[str, str], Site] = {}
    for site in sites:
        for host, path in site.locations:
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


def _hosts_too_long(sites: list[Site]) -> list[str]:
    """A host may fit as it is written, and not with what the stack puts behind it."""
    return [
        f"{place}: hosts has {location!r}, which is {full[0]!r} in this stack: {len(full[0])} "
        f"characters, and DNS allows {MAX_HOST}; take a shorter one"
        for site in sites
        for place, location, full in zip(site.hosts_at, site.hosts, site.locations, strict=True)
        if len(full[0]) > MAX_HOST
    ]


def _hosts_of_the_console(sites: list[Site]) -> list[str]:
    """Cookies ignore ports, so a site there would be sent the console's."""
    return [
        f"{place}: hosts has {location!r}, which is {CONSOLE!r} in this stack, where the console "
        "answers; choose another host"
        for site in sites
        for place, location, full in zip(site.hosts_at, site.hosts, site.locations, strict=True)
        if full[0] == CONSOLE
    ]


def _hosts_of_services(services: Iterable[Service], sites: list[Site]) -> list[str]:
    by_host = {service.host: service for service in services}
    return [
        f"{site.file}: hosts has {location!r}, where the service {by_host[host].name} answers, "
        f"which {by_host[host].section} turns on; choose another host, or remove that section"
        for site in sites
        for location, (host, _) in zip(site.hosts, site.locations, strict=True)
        if host in by_host
    ]


def _services_in_clear(stack: str, settings: Settings, services: Iterable[Service]) -> list[str]:
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:plain_http has {service.host!r}, where the service "
        f"{service.name} answers, and people send it passwords; remove it"
        for service in services
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
    paths = {path.lower(): other for other in sites for at, path in other.locations if at == host}
    for _, asked in site.locations:
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
