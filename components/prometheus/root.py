"""The certificate of the gateway's own CA, for whoever verifies TLS as visitors do.

The provider class is stored in the state by reference, as `components.prometheus.root`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import docker
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource

from components.entrance import ROOT_CERTIFICATE, STATE_AT
from host import engine
from host.provider import Props, Provider, gone


class RootCertificateProvider(Provider):
    """Create and read of `RootCertificate`. Deleting leaves it where it is."""

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        changed = [key for key in ("docker_host", "volume") if olds.get(key) != news.get(key)]
        return DiffResult(changes=bool(changed), replaces=changed, delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        if not (certificate := _certificate(props)):
            raise engine.EngineError("the gateway has made no CA yet; type the same again")
        return CreateResult(props["volume"], outs={**props, "value": certificate})

    def read(self, id_: str, props: Props) -> ReadResult:
        client = engine.connect(props["docker_host"])
        if not engine.has_volume(client, props["volume"]):
            return gone()
        if not engine.has_image(client, props["image"]):
            return ReadResult(id_, props)
        certificate = _certificate(props)
        return ReadResult(id_, {**props, "value": certificate}) if certificate else gone()


class RootCertificate(Resource, module="homeport", name="RootCertificate"):
    """Reads the certificate, and nothing else, out of the gateway's volume, which holds keys too.

    After `pulumi refresh` it is that of the CA which is there now.
    """

    value: pulumi.Output[str]
    """As PEM."""

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        volume: pulumi.Input[str],
        image: str,
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "volume": volume,
            "image": image,
            "labels": dict(labels),
            "value": None,
        }
        super().__init__(RootCertificateProvider(), name, props, opts)


def _certificate(props: Props) -> str:
    """The certificate as PEM; empty where there is none."""
    with engine.throwaway(
        engine.connect(props["docker_host"]),
        props["image"],
        ["true"],
        volumes={props["volume"]: STATE_AT},
        labels=props["labels"],
    ) as container:
        try:
            ((_, content),) = engine.unpack(container, ROOT_CERTIFICATE)
        except docker.errors.NotFound:
            return ""
    return content.decode()
