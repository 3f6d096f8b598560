"""What the gateway and the sites have in common: both are Caddy, run the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_docker as docker

from components.docker_host import DockerHost
from components.volume_files import VolumeFiles, VolumeFilesArgs
from components.volumes import files_volume

USER = 1000
ADMIN = "unix//tmp/admin.sock"
"""The admin endpoint: a socket in the container's own /tmp, out of every network's reach."""
CONFIG_AT = "/etc/caddy"
# The official image's binary carries this capability and doesn't start without it.
CAPABILITIES = ("NET_BIND_SERVICE",)
GLOBAL_OPTIONS = (f"admin {ADMIN}", "persist_config off", "grace_period 10s")


def block(head: str, *lines: str) -> str:
    """A Caddyfile block with its lines indented; a line may be a block itself."""
    body = "\n".join(line.rstrip() for line in lines)
    indented = "\n".join(f"\t{line}" if line else "" for line in body.split("\n"))
    return f"{head} {{\n{indented}\n}}\n".lstrip()


def caddy(verb: str, *options: str) -> list[str]:
    """A Caddy command on the configuration that is current."""
    config = f"{CONFIG_AT}/current/Caddyfile"
    return ["caddy", verb, "--config", config, "--adapter", "caddyfile", *options]


def caddyfile_volume(
    name: str,
    host: DockerHost,
    parent: pulumi.ComponentResource,
    *,
    image: str,
    files: Mapping[str, str],
    secret_files: Mapping[str, str] | None = None,
    after: Sequence[pulumi.Resource] = (),
) -> tuple[docker.Volume, VolumeFiles]:
    """A volume with a Caddyfile that `image` has validated, and that a running one reloads.

    `files` is the Caddyfile by that name, and what belongs to it; `secret_files` is read by
    Caddy alone.
    """
    volume = files_volume(name, host, parent)
    written = VolumeFiles(
        name,
        VolumeFilesArgs(
            docker_host=host.docker_host,
            volume=volume.name,
            mount=CONFIG_AT,
            image=image,
            files=files,
            secret_files=secret_files or {},
            owner=USER,
            validate=caddy("validate"),
            reload=caddy("reload", "--address", ADMIN),
            labels=host.plain_labels(parent._name),
        ),
        pulumi.ResourceOptions.merge(
            host.child(parent, image), pulumi.ResourceOptions(depends_on=list(after))
        ),
    )
    return volume, written
