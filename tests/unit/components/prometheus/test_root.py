"""The certificate of the gateway's CA, as the state knows it."""

import tarfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from components.prometheus.root import RootCertificateProvider
from host import engine

PROPS: dict[str, Any] = {
    "docker_host": "unix:///d",
    "labels": {"homeport.stack": "homeport/prod", "homeport.component": "prometheus"},
    "value": None,
}
KNOWN = PROPS | {"value": "old"}


class Host:
    """A Docker host with the gateway's containers, each with or without the CA in its volume."""

    certificates: list[str]
    data_at = "/state/id-of-the-stack"

    def list(self, **given: Any) -> list[SimpleNamespace]:
        labels = ["homeport.stack=homeport/prod", "homeport.component=router"]
        assert given == {"all": True, "filters": {"label": labels}}
        mounts = [{"Destination": at} for at in ("/etc/caddy", self.data_at, "/content")]
        return [SimpleNamespace(said=said, attrs={"Mounts": mounts}) for said in self.certificates]

    def unpack(
        self, container: SimpleNamespace, path: str
    ) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if not container.said or path != f"{self.data_at}/caddy/pki/authorities/local/root.crt":
            raise docker.errors.NotFound(path)
        yield tarfile.TarInfo(path), container.said.encode()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    host.certificates = ["", "new"]
    monkeypatch.setattr(engine, "connect", lambda _: SimpleNamespace(containers=host))
    monkeypatch.setattr(engine, "unpack", host.unpack)
    return host


def test_it_is_read_once_the_gateway_has_made_it(host: Host) -> None:
    assert RootCertificateProvider().create(PROPS).outs["value"] == "new"  # type: ignore[index]
    host.certificates = [""]
    with pytest.raises(engine.EngineError, match="make up STACK=prod"):
        RootCertificateProvider().create(PROPS)


def test_it_is_found_in_a_gateway_of_an_older_checkout(host: Host) -> None:
    host.data_at = "/state"
    assert RootCertificateProvider().create(PROPS).outs["value"] == "new"  # type: ignore[index]


def test_a_refresh_finds_the_ca_that_is_there_now(host: Host) -> None:
    assert RootCertificateProvider().read("id", KNOWN).outs["value"] == "new"  # type: ignore[index]


@pytest.mark.parametrize("containers", [[], [""]])
def test_what_is_lost_is_read_again(host: Host, containers: list[str]) -> None:
    host.certificates = containers
    assert RootCertificateProvider().read("id", KNOWN).id == ""


def test_a_state_of_an_older_checkout_can_be_read(host: Host) -> None:
    older = KNOWN | {"volume": "homeport-prod-proxy-data", "image": "i:1"}
    assert RootCertificateProvider().read("id", older).outs["value"] == "new"  # type: ignore[index]


def test_another_host_has_another_ca() -> None:
    diff = RootCertificateProvider().diff
    assert diff("id", KNOWN, PROPS).changes is False
    assert diff("id", KNOWN, PROPS | {"docker_host": "b"}).replaces == ["docker_host"]
