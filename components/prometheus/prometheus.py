"""Prometheus, and all that it needs to watch the stack: nothing of it is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi

from components.prometheus.alertmanager import Alertmanager, AlertmanagerArgs
from components.prometheus.blackbox import Blackbox, BlackboxArgs
from components.prometheus.config import (
    CHECK,
    CONFIG,
    CONFIG_AT,
    OWN_RULES,
    OWN_SCRAPES,
    PROMETHEUS,
    RULES,
    Probe,
    probes,
    prometheus_yml,
    reload_script,
)
from components.prometheus.node import NodeExporter, NodeExporterArgs
from components.prometheus.root import RootCertificate
from components.prometheus.rules import rules_yml
from components.prometheus.watching import Watching
from components.routes import Route
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER
from host.volumes import data_volume

_DATA_AT = "/state"
_NAME, _, _PORT = PROMETHEUS.partition(":")


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """What is watched, and how."""

    host: DockerHost
    watching: Watching
    targets: Sequence[Target]
    """What the stack's other components offer."""
    routes: Sequence[Route]
    """What is asked as a visitor would."""
    after: Sequence[pulumi.Resource]
    """What makes that CA."""


class Prometheus(pulumi.ComponentResource):
    """Scrapes targets, asks routes, and raises alerts; its data outlives all but `make purge`.

    Both lists are files, which it reads again when they change, so another site replaces
    nothing. With Alertmanager, the blackbox exporter and the node exporter.
    """

    def __init__(
        self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Prometheus", name, None, opts)
        host, how, images = args.host, args.watching, args.watching.images
        probed = probes(args.routes, how.entrance)
        data = data_volume(
            f"{name}-data", host, self, component=name, image=images.prometheus, owner=USER
        )
        targets = [
            *args.targets,
            *self._helpers(name, args, probed, data),
            Target(job=name, address=PROMETHEUS),
        ]
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            _files(host, how, targets, probed),
            component=name,
            image=images.prometheus,
            at=CONFIG_AT,
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=name,
                image=images.prometheus,
                command=_command(how),
                user=USER,
                probe=f"wget -q -O /dev/null http://127.0.0.1:{_PORT}/-/healthy",
                networks=host.among_services(outside=how.outside),
                aliases={"services": _NAME},
                replace="in_place",
                mounts=[config.mount, Mount(volume=data, at=_DATA_AT, read_only=False)],
                memory_mib=512,
                cpus=1,
            ),
            host.child(self, images.prometheus, after=[config.written]),
        )
        self.revision = container.id
        """Changes with all that visitors could notice, but for routes."""
        self.register_outputs({"revision": self.revision})

    def _helpers(
        self,
        name: str,
        args: PrometheusArgs,
        probed: Sequence[Probe],
        data: pulumi.Input[str],
    ) -> Iterable[Target]:
        """Declares what Prometheus asks besides, and tells to; their own figures."""
        host, how, images = args.host, args.watching, args.watching.images
        below = pulumi.ResourceOptions(parent=self)
        alertmanager = Alertmanager(
            "alertmanager",
            AlertmanagerArgs(
                host=host,
                image=images.alertmanager,
                outside=how.outside,
                url=how.url,
                notify=how.settings.notify,
            ),
            below,
        )
        blackbox = Blackbox(
            "blackbox",
            BlackboxArgs(
                host=host, image=images.blackbox, probed=probed, roots=self._roots(name, args)
            ),
            below,
        )
        node = NodeExporter(
            "node-exporter",
            NodeExporterArgs(host=host, image=images.node_exporter, data=data),
            below,
        )
        return (*alertmanager.targets, *blackbox.targets, *node.targets)

    def _roots(self, name: str, args: PrometheusArgs) -> pulumi.Input[str] | None:
        """Certificates, as PEM, that the gateway's are believed by; None for those of the world."""
        if not args.watching.entrance.internal_ca:
            return args.watching.entrance.roots
        return RootCertificate(
            name,
            docker_host=args.host.docker_host,
            labels=args.host.plain_labels(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        ).value


def _files(
    host: DockerHost, how: Watching, targets: Sequence[Target], probed: Sequence[Probe]
) -> Files:
    """What Prometheus reads, its owner's files among it."""
    return Files(
        public={
            CONFIG: prometheus_yml(host.stack, how.settings.interval, targets, probed),
            RULES: rules_yml(how.settings, internal_ca=how.entrance.internal_ca, backup=how.backup),
            OWN_SCRAPES: how.own.scrapes,
            **{f"{OWN_RULES}/{file}": text for file, text in how.own.rules.items()},
        },
        shown_as=how.own.shown_as,
        validate=["sh", "-c", CHECK],
        reload=["sh", "-c", reload_script(host.make("logs NAME=prometheus"))],
    )


def _command(how: Watching) -> list[str]:
    return [
        "prometheus",
        f"--config.file={CONFIG_AT}/current/{CONFIG}",
        f"--storage.tsdb.path={_DATA_AT}",
        f"--storage.tsdb.retention.time={how.settings.retention.time}",
        f"--storage.tsdb.retention.size={how.settings.retention.size}",
        # The page may be open to anyone: what all questions at once may take, at 16 bytes a
        # sample, fits into its memory beside what it needs itself.
        "--query.max-concurrency=4",
        "--query.max-samples=4000000",
        f"--web.external-url={how.url}",
        # By default any page may have its visitor's browser ask.
        "--web.cors.origin=^$",
        "--log.format=json",
    ]
