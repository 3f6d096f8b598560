"""Prometheus, and all that it needs to watch the stack: nothing of it is typed by hand."""

from __future__ import annotations

from collections.abc import Sequence
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
    RELOAD,
    RULES,
    Probe,
    probes,
    prometheus_yml,
)
from components.prometheus.node import NodeExporter, NodeExporterArgs
from components.prometheus.part import PartArgs, part
from components.prometheus.root import RootCertificate
from components.prometheus.rules import rules_yml
from components.prometheus.watching import Watching
from components.routes import Route
from components.targets import Target
from host.docker_host import DockerHost
from host.files import Files
from host.mounts import Mount
from host.user import USER
from host.volumes import data_volume

_DATA_AT = "/state"


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
        below = pulumi.ResourceOptions(parent=self)
        probed = probes(args.routes, how.entrance)
        data = data_volume(
            f"{name}-data", host, self, component=name, image=images.prometheus, owner=USER
        )
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
        targets = [
            *args.targets,
            *alertmanager.targets,
            *blackbox.targets,
            *node.targets,
            Target(job=name, address=PROMETHEUS),
        ]
        container = part(
            name,
            host,
            self,
            PartArgs(
                image=images.prometheus,
                address=PROMETHEUS,
                outside=how.outside,
                files=_files(host.stack, how, targets, probed),
                command=_command(how),
                keeps=[Mount(volume=data, at=_DATA_AT, read_only=False)],
                memory_mib=512,
                cpus=1,
            ),
        )
        self.revision = container.id
        """Changes with all that visitors could notice, but for routes."""
        self.register_outputs({"revision": self.revision})

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


def _files(stack: str, how: Watching, targets: Sequence[Target], probed: Sequence[Probe]) -> Files:
    """What Prometheus reads, its owner's files among it."""
    return Files(
        public={
            CONFIG: prometheus_yml(stack, how.settings.interval, targets, probed),
            RULES: rules_yml(how.settings, internal_ca=how.entrance.internal_ca),
            OWN_SCRAPES: how.own.scrapes,
            **{f"{OWN_RULES}/{file}": text for file, text in how.own.rules.items()},
        },
        shown_as=how.own.shown_as,
        validate=["sh", "-c", CHECK],
        reload=["sh", "-c", RELOAD],
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
