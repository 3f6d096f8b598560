"""Sites that follow git: where each is fetched from, and what of their files can't be or isn't."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from config.places import below, is_folder, is_http, is_url
from config.settings import PROJECT, Settings
from config.site import Site
from values import command_line

Remotes = Mapping[str, Path | str | None]
"""By a site's name: a folder of this repository, a URL, or nowhere."""


def remotes(settings: Settings, sites: Iterable[Site], root: Path) -> Remotes:
    """Where each site that follows git is fetched from in this stack."""
    return {
        site.name: _remote(settings, site.source.git, root)
        for site in sites
        if site.source and site.source.git
    }


def _remote(settings: Settings, url: str, root: Path) -> Path | str | None:
    mirror = settings.sources.mirror
    for beginning in sorted(mirror, key=len, reverse=True):
        rest = below(beginning, url)
        if rest is None:
            continue
        place = mirror[beginning]
        if is_url(place):
            return place + rest if place[-1] in "/:" or not rest else f"{place}/{rest}"
        folder = PurePosixPath(place, rest.removesuffix(".git"))
        if ".." not in folder.parts and is_folder(root / folder, root / place):
            return Path(folder)
    return url if settings.outside else None


def hidden_webhooks(sites: Iterable[Site]) -> Iterator[str]:
    """Problems of webhooks whose path is a site's, or another webhook's in other capitals."""
    sites = list(sites)
    locations = {
        (host, path.lower()): site  # the gateway's paths have no case
        for site in sites
        for host, path in site.locations
    }
    spelt: dict[tuple[str, str], tuple[str, Site]] = {}
    for site in sites:
        if not site.source or not (webhook := site.source.webhook):
            continue
        for host in site.full_hosts:
            at = host, webhook.lower()
            first, other = spelt.setdefault(at, (webhook, site))
            if owner := locations.get(at):
                yield (
                    f"{site.file}: source.webhook is {webhook!r}, and {owner.file} is at "
                    f"{host + webhook!r}; give the webhook a path of its own"
                )
            elif first != webhook:
                yield (
                    f"{site.file}: source.webhook is {webhook!r}, and {other.file} has {first!r} "
                    f"at the same host, {host}; write both alike, or give each its own path"
                )


def warnings(
    stack: str, settings: Settings, sites: Iterable[Site], remotes: Remotes
) -> Iterator[str]:
    """What the files of sites that follow git say and what nothing comes of."""
    sources = {site.name: site.source for site in sites if site.name in remotes and site.source}
    for name, source in sources.items():
        file, given = f"config/sites/{name}.yaml", settings.site_secrets.get(name)
        if remotes[name] is None:
            yield (
                f"{file}: source.git is {source.git!r}, and nothing is fetched: "
                f"{PROJECT}:outside is false in Pulumi.{stack}.yaml, and no folder of "
                f"{PROJECT}:sources.mirror has that repository; add it to one, or set outside to "
                "true"
            )
        key = f"{PROJECT}:site_secrets.{name}.webhook"
        if source.webhook and (given is None or given.webhook is None):
            yield (
                f"{file}: source.webhook is {source.webhook!r}, and there is no secret for it, so "
                "every push is refused; set the secret that signs pushes: "
                f"`{command_line.pulumi(stack, 'config set', f'--secret --path {key}')}`"
            )
    for name, given in settings.site_secrets.items():
        used = sources.get(name)
        url = (used and used.git) or ""
        for field, is_used, what in (
            ("webhook", bool(used and used.webhook), "has a webhook"),
            ("token", url.startswith("https://"), "follows git over https"),
            ("key", url != "" and not is_http(url), "follows git over SSH"),
        ):
            if getattr(given, field) is not None and not is_used:
                key = f"{PROJECT}:site_secrets.{name}.{field}"
                yield (
                    f"Pulumi.{stack}.yaml: {key} is used nowhere: no site {name} {what}; "
                    f"`{command_line.pulumi(stack, 'config rm', f'--path {key}')}` removes it"
                )
