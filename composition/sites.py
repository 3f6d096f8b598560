"""Sites: what answers, and what of it is fetched from git."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.content import root_of
from components.publisher.sources import GitSource, Sources
from components.routes import Handler, Redirect, Refusal, Upstream
from components.site.caddyfile import SiteServer
from components.site.content import ROOT
from components.site.served import Content
from config.estate import Estate
from config.places import is_url
from config.site import Site
from config.site_secrets import SiteSecrets
from config.source import Source
from values.model import opened

_MEMORY_MIB = {"static": 128, "php": 256}


def what_answers(site: Site, estate: Estate, generated: Mapping[str, str]) -> Content | Handler:
    """The content of a site, or what the gateway does in its place."""
    if site.redirect:
        return Redirect(
            to=estate.redirect_target(site.redirect.to),
            status=301 if site.redirect.permanent else 302,
            keep_path=site.redirect.keep_path,
        )
    if site.upstream:
        if estate.settings.outside:
            return Upstream(address=site.upstream)
        return Refusal(
            status=502,
            text=f"{site.upstream} is outside, and this stack contacts nothing there: "
            "homeport:outside is false.",
        )
    if not site.source:
        raise ValueError(f"{site.file} has neither source, redirect nor upstream")
    folder, host_folder = _folders(site.source, estate)
    shared = estate.shared(site)
    return Content(
        image=_image(site, estate),
        shared=shared,
        server=SiteServer(
            root=root_of(site.name) if shared else ROOT,
            runtime=site.runtime,
            listing=site.listing,
            not_found=site.not_found,
            lines=site.caddyfile or "",
        ),
        folder=folder,
        host_folder=host_folder,
        host_folder_at=site.host_folder_at,
        published=bool(site.source.git),
        generated=generated,
        memory_mib=site.memory_mib or _MEMORY_MIB[site.runtime],
        cpus=site.cpus,
        egress=site.egress,
        declared_in=site.file,
        lines_at=site.caddyfile_line,
    )


def _image(site: Site, estate: Estate) -> str:
    if site.runtime == "php":
        return estate.images.php
    return estate.images.gateway if estate.shared(site) else estate.images.site


def what_is_published(estate: Estate) -> Sources:
    """All sites that follow git, as the publisher takes them."""
    given = estate.settings.sources
    return Sources(
        sites={
            site.name: _git_source(site, site.source, estate)
            for site in estate.sites
            if site.source and site.source.git
        },
        limits=given.limits,
        known_hosts=given.known_hosts,
        mirror=sorted({Path(place) for place in given.mirror.values() if not is_url(place)}),
    )


def _git_source(site: Site, source: Source, estate: Estate) -> GitSource:
    secrets = estate.settings.site_secrets.get(site.name) or SiteSecrets()
    url = source.git or ""
    # Everybody on the way could read a token over plain http. A mirror there is the owner's choice.
    token = None if url.startswith("http://") else opened(secrets.token)
    return GitSource(
        url=url,
        fetch=estate.remotes[site.name],
        ref=source.ref,
        directory=source.directory or "",
        into=site.published_at,
        every=source.seconds,
        webhooks=[(host, source.webhook) for host in site.full_hosts] if source.webhook else [],
        webhook_secret=opened(secrets.webhook),
        token=token,
        key=opened(secrets.key),
    )


def _folders(source: Source, estate: Estate) -> tuple[Path | None, str | None]:
    """The folder of this repository, or of the host, that a source names in this stack."""
    if source.folder:
        return Path(source.folder), None
    stand_in = estate.settings.sources.folders.get(source.host_folder or "")
    return (Path(stand_in), None) if stand_in else (None, source.host_folder)
