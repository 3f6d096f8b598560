"""The certificate of the gateway's own CA, for whoever verifies TLS as visitors do.

The provider class is stored in the state by reference, as `components.prometheus.root`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource

from components.reach import find_root_certificate, root_certificate
from host.provider import Props, Provider, gone


class RootCertificateProvider(Provider):
    """Create and read of `RootCertificate`. Deleting leaves it where it is."""

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        changed = ["docker_host"] if olds["docker_host"] != news["docker_host"] else []
        return DiffResult(changes=bool(changed), replaces=changed, delete_before_replace=False)

    def create(self, props: Props) -> CreateResult:
        stack = props["labels"]["homeport.stack"]
        certificate = root_certificate(props["docker_host"], stack)
        return CreateResult(stack, outs={**props, "value": certificate})

    def read(self, id_: str, props: Props) -> ReadResult:
        certificate = find_root_certificate(props["docker_host"], props["labels"]["homeport.stack"])
        return ReadResult(id_, {**props, "value": certificate}) if certificate else gone()


class RootCertificate(Resource, module="homeport", name="RootCertificate"):
    """Offers the certificate to other resources. After `pulumi refresh` it is that of the current
    CA.
    """

    value: pulumi.Output[str]
    """As PEM."""

    def __init__(
        self,
        name: str,
        *,
        docker_host: str,
        labels: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "docker_host": docker_host,
            "labels": dict(labels),
            "value": None,
        }
        super().__init__(RootCertificateProvider(), name, props, opts)
