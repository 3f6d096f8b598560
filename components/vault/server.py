"""The vault: OpenBao, which speaks the Vault API."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi

from components.routes import Route, Upstream
from components.targets import Target
from components.vault.server_config import (
    COMPONENT,
    CONFIG_AT,
    DATA,
    DATA_AT,
    FIGURES_PORT,
    FILE,
    PORT,
    VaultKeys,
    configuration,
    secret_files,
)
from host.container import ContainerArgs, service_container
from host.docker_host import DockerHost
from host.files import Files
from host.mounted_files import mounted_files
from host.mounts import Mount
from host.user import USER
from host.volumes import data_volume

_OPTION = f"-config={CONFIG_AT}/current/{FILE}"
_FIGURES = Target(
    job=COMPONENT,
    address=f"{COMPONENT}:{FIGURES_PORT}",
    path="/v1/sys/metrics?format=prometheus",
)


@dataclass(frozen=True, kw_only=True)
class VaultServerArgs:
    """Where the vault answers, and what it is opened with."""

    host: DockerHost
    image: str
    at: str
    """Full host name."""
    keys: VaultKeys


class VaultServer(pulumi.ComponentResource):
    """One OpenBao server that initialises itself on empty storage, and unseals itself always.

    It makes the mounts and the program's role, and nothing that stands in them: that is
    `VaultContents`.
    """

    def __init__(
        self, name: str, args: VaultServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:VaultServer", name, None, opts)
        host = args.host
        text = configuration(args.keys)
        data = data_volume(DATA, host, self, component=COMPONENT, image=args.image, owner=USER)
        config = mounted_files(
            f"{name}-config",
            host,
            self,
            Files(
                public={FILE: text},
                secret=secret_files(args.keys),
                owner=USER,
                validate=["bao", "operator", "validate-config", _OPTION],
            ),
            component=COMPONENT,
            image=args.image,
            at=CONFIG_AT,
        )
        container = service_container(
            name,
            host,
            ContainerArgs(
                component=COMPONENT,
                image=args.image,
                command=["bao", "server", _OPTION],
                user=USER,
                # 200 is unsealed and in charge; sealed and uninitialised have codes of their own.
                probe=f"wget -q -O /dev/null http://127.0.0.1:{PORT}/v1/sys/health",
                networks={"services": host.services.name},
                aliases={"services": COMPONENT},
                replace="in_place",
                mounts=[config.mount, Mount(volume=data, at=DATA_AT, read_only=False)],
                env={
                    # It reads its configuration when it starts: another one is another container.
                    "CONFIGURATION": hashlib.sha256(text.encode()).hexdigest()[:12],
                    "TMPDIR": DATA_AT,  # a snapshot is larger than /tmp
                },
                memory_mib=512,  # 24 when idle, 306 while 47 MiB were restored
            ),
            host.child(self, args.image, after=[config.written]),
        )
        self.routes = [
            Route(
                component=COMPONENT,
                host=args.at,
                path="",
                handler=Upstream(address=f"{COMPONENT}:{PORT}", patience="60s"),
                secret_headers=["X-Vault-Token"],
            )
        ]
        self.targets = [_FIGURES]
        self.revision = container.id
        """Changes with all that visitors could notice, but for what the vault holds."""
        self.register_outputs({"revision": self.revision})
