"""One stack of Homeport, from the files in `config/` to what runs on the Docker host."""

import json

import pulumi

from components.backup.backup import Backup
from components.gateway.content import content_volume
from components.gateway.gateway import Gateway
from components.gateway.proxy import CaddyProxy, CaddyProxyArgs
from components.prometheus.prometheus import Prometheus, PrometheusArgs
from components.publisher.publisher import Publisher, PublisherArgs
from components.registry.registry import Registry, RegistryArgs
from components.site.site import CaddySite, CaddySiteArgs
from components.smoke_probe import SmokeProbe, SmokeProbeArgs
from components.vault.contents import VaultContents, VaultContentsArgs
from components.vault.server import VaultServer, VaultServerArgs
from composition.daily_backup import backup_args, targets_of_the_backup
from composition.host import host_steps
from composition.host_problems import refuse_what_the_host_refuses
from composition.people import accounts, writers
from composition.prometheus import pages_of_prometheus, what_is_watched
from composition.registry import packages_server
from composition.sites import what_answers, what_is_published
from composition.vault import (
    login_of_the_backup,
    people_of_the_vault,
    vault_keys,
    vault_reach,
    what_the_vault_holds,
)
from config import loading
from host.continue_on_error import leave_dependents_of_failures
from host.docker_host import DockerHost, DockerHostArgs
from host.faster_sdk import wait_for_all_at_once
from host.host_preparation import HostPreparation, HostPreparationArgs

WELCOME = "welcome"

wait_for_all_at_once()  # first, because the next one wraps it
leave_dependents_of_failures()
estate = loading.of_program()
settings, images = estate.settings, estate.images

urls = estate.urls()
# The welcome page links to all that the stack serves, which only the program knows.
generated = {WELCOME: {"stack.json": json.dumps({"stack": estate.stack, "urls": urls})}}
answers = {
    site.name: what_answers(site, estate, generated=generated.get(site.name, {}))
    for site in estate.sites
}
refuse_what_the_host_refuses(estate, answers)

preparation = HostPreparation(
    "preparation",
    HostPreparationArgs(docker_host=settings.docker_host, steps=host_steps(settings)),
)

host = DockerHost(
    "host",
    DockerHostArgs(
        docker_host=settings.docker_host,
        restart=settings.restart,
        images=estate.images_used(),
        after=preparation.done,
    ),
)

content = content_volume(host, images.gateway)

publisher = (
    Publisher(
        "publisher",
        PublisherArgs(
            host=host,
            image=images.publisher,
            content=content,
            outside=settings.outside,
            sources=what_is_published(estate),
        ),
    )
    if estate.remotes
    else None
)

registry = (
    Registry(
        "registry",
        RegistryArgs(
            host=host,
            images_image=images.registry,
            packages_image=images.pypi,
            images_at=estate.services["registry"].host,
            packages_at=estate.services["pypi"].host,
            packages_server=packages_server(),
            upload_mib=settings.registry.upload_mib,
            accounts=accounts(settings),
            writers=writers(settings),
        ),
    )
    if settings.registry
    else None
)

vault = (
    VaultServer(
        "vault",
        VaultServerArgs(
            host=host,
            image=images.vault,
            at=estate.services["vault"].host,
            keys=vault_keys(settings.vault),
        ),
    )
    if settings.vault
    else None
)

sites = [
    CaddySite(
        site.name,
        CaddySiteArgs(
            host=host,
            locations=site.locations,
            site=answers[site.name],
            email=site.email,
            content=content,
        ),
    )
    for site in estate.sites
]
behind = [part for part in (publisher, registry, vault, *sites) if part]
routes = [route for part in behind for route in part.routes] + pages_of_prometheus(estate)

proxy = CaddyProxy(
    "proxy",
    CaddyProxyArgs(
        host=host,
        image=images.proxy,
        router_image=images.gateway,
        gateway=Gateway(
            routes=routes,
            at=estate.entrance,
            acme_directory=settings.tls.directory,
            stream_close_delay=settings.stream_close_delay,
        ),
        content=content,
        refused=[site.refused for site in sites],
    ),
)

if vault and settings.vault:
    VaultContents(
        "vault-contents",
        VaultContentsArgs(
            reach=vault_reach(estate, settings.vault),
            environments=what_the_vault_holds(estate),
            people=people_of_the_vault(estate),
            backup=login_of_the_backup(estate),
            after=[vault, proxy],
        ),
    )

prometheus = (
    Prometheus(
        "prometheus",
        PrometheusArgs(
            host=host,
            watching=what_is_watched(estate, settings.prometheus),
            targets=[
                *(
                    target
                    for part in (publisher, registry, vault, proxy)
                    if part
                    for target in part.targets
                ),
                *targets_of_the_backup(estate),
            ],
            routes=routes,
            after=[proxy],
        ),
    )
    if settings.prometheus
    else None
)
answering = [part for part in (proxy, prometheus, *behind) if part]

if section := settings.daily_backup:
    made = [part for part in (registry, vault, proxy, prometheus) if part]
    Backup("backup", backup_args(estate, section, host, after=made))

SmokeProbe(
    "smoke",
    SmokeProbeArgs(
        stack=estate.stack,
        after=answering,
        changes=[part.revision for part in answering],
    ),
)

pulumi.export("urls", [url["url"] for url in urls])
pulumi.export("state_id", host.stack_id)
