"""The registries: Python packages and Docker images of one's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.registry.config import (
    CONFIG,
    CONFIG_AT,
    DATA_AT,
    DENIED,
    FIGURES_PORT,
    IMAGES,
    IMAGES_PORT,
    PACKAGES,
    PACKAGES_CONFIG_AT,
    PACKAGES_HEALTH,
    PACKAGES_PORT,
    READ_ONLY_ERROR,
    closed,
    distribution_config,
    pypiserver_command,
    pypiserver_env,
)
from components.routes import Guard, Route, Upstream
from components.targets import Target
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER
from host.volumes import data_volume

_PATIENCE = "60s"
_FIGURES = "registry-figures"


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """Where the registries answer, and for whom."""

    host: DockerHost
    images_image: str
    """Image of the image registry."""
    packages_image: str
    """Image of the package index."""
    images_at: str
    """Full host name of the image registry."""
    packages_at: str
    """Full host name of the package index."""
    packages_server: str
    """What `pypi_gunicorn.py` says, which runs beside the package index."""
    upload_mib: int
    """Size of the largest package."""
    accounts: Mapping[str, str] = field(repr=False)
    """Hashes of passwords by user name."""
    writers: frozenset[str]
    """Who may upload, push and delete."""


class Registry(pulumi.ComponentResource):
    """A package index (pypiserver) and an image registry (distribution).

    Neither asks for a password: the gateway does (docs/decisions/0007-passwords.md), and no
    other container stands on their network.
    """

    def __init__(
        self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:Registry", name, None, opts)
        host = args.host
        images = self._service(
            host,
            component=IMAGES,
            image=args.images_image,
            config_at=CONFIG_AT,
            config=distribution_config(),
            command=["registry", "serve", CONFIG],
            probe=f"wget -q -O /dev/null http://{IMAGES}:{IMAGES_PORT}/",
            networks={"guarded": host.guarded.name, "services": host.services.name},
            aliases={"guarded": IMAGES, "services": _FIGURES},
            memory_mib=512,
        )
        packages = self._service(
            host,
            component=PACKAGES,
            image=args.packages_image,
            config_at=PACKAGES_CONFIG_AT,
            config={"gunicorn.conf.py": args.packages_server},
            command=pypiserver_command(),
            probe=f"wget -q -O /dev/null http://127.0.0.1:{PACKAGES_PORT}{PACKAGES_HEALTH}",
            networks={"guarded": host.guarded.name},
            aliases={"guarded": PACKAGES},
            env=pypiserver_env(args.upload_mib),
            memory_mib=256,
        )
        locked = closed(args.host.make("registry-gc"))
        self.routes = [
            Route(
                component=component,
                host=host,
                path="",
                handler=Upstream(address=f"{component}:{port}", patience=_PATIENCE),
                guard=Guard(
                    accounts=args.accounts,
                    writers=args.writers,
                    denied=denied,
                    closed=closed,
                    open=open_,
                ),
            )
            for component, host, port, denied, closed, open_ in [
                (IMAGES, args.images_at, IMAGES_PORT, DENIED, locked, ""),
                (PACKAGES, args.packages_at, PACKAGES_PORT, READ_ONLY_ERROR, "", PACKAGES_HEALTH),
            ]
        ]
        self.targets = [Target(job="registry", address=f"{_FIGURES}:{FIGURES_PORT}")]
        self.revision = pulumi.Output.concat(images, " ", packages)
        """Changes with all that visitors could notice, but for users and content."""
        self.register_outputs({"revision": self.revision})

    def _service(
        self,
        host: DockerHost,
        *,
        component: str,
        image: str,
        config_at: str,
        config: Mapping[str, str],
        command: Sequence[str],
        probe: str,
        networks: Mapping[str, pulumi.Input[str]],
        aliases: Mapping[str, str],
        memory_mib: int,
        env: Mapping[str, str] | None = None,
    ) -> pulumi.Output[str]:
        """A container with its configuration and its data: what changes when either does."""
        files = mounted_files(
            f"{component}-config",
            host,
            self,
            Files(public=config),
            component=component,
            image=image,
            at=config_at,
        )
        data = data_volume(component, host, self, component=component, image=image, owner=USER)
        # Neither reads its configuration again: with another one it is another container.
        digest = hashlib.sha256(repr(sorted(config.items())).encode()).hexdigest()[:12]
        container = service_container(
            component,
            host,
            ContainerArgs(
                component=component,
                image=image,
                command=command,
                user=USER,
                probe=probe,
                networks=networks,
                aliases=aliases,
                replace="in_place",
                mounts=[
                    files.mount,
                    Mount(volume=data, at=DATA_AT, read_only=False),
                ],
                env={**(env or {}), "CONFIGURATION": digest},
                memory_mib=memory_mib,
            ),
            host.child(self, image, after=[files.written]),
        )
        return pulumi.Output.concat(container.id, " ", files.written.digest)
