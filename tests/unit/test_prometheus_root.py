"""The certificate of the gateway's CA, as the state knows it."""

from typing import Any

import pytest

from components.prometheus import root
from components.prometheus.root import RootCertificateProvider
from host import engine

PROPS: dict[str, Any] = {
    "docker_host": "unix:///d",
    "volume": "homeport-local-proxy-data",
    "image": "i:1",
    "labels": {},
    "value": None,
}
KNOWN = PROPS | {"value": "old"}


class Host:
    """A Docker host with or without the volume, the image and the CA."""

    volume = image = True
    certificate = "new"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(engine, "connect", lambda _: None)
    monkeypatch.setattr(engine, "has_volume", lambda *_: host.volume)
    monkeypatch.setattr(engine, "has_image", lambda *_: host.image)
    monkeypatch.setattr(root, "_certificate", lambda _: host.certificate)
    return host


def test_it_is_read_once_the_gateway_has_made_it(host: Host) -> None:
    assert RootCertificateProvider().create(PROPS).outs["value"] == "new"  # type: ignore[index]
    host.certificate = ""
    with pytest.raises(engine.EngineError, match="made no CA yet"):
        RootCertificateProvider().create(PROPS)


def test_a_refresh_finds_the_ca_that_is_there_now(host: Host) -> None:
    assert RootCertificateProvider().read("id", KNOWN).outs["value"] == "new"  # type: ignore[index]


@pytest.mark.parametrize("lost", ["volume", "certificate"])
def test_what_is_lost_is_read_again(host: Host, lost: str) -> None:
    setattr(host, lost, "")
    assert RootCertificateProvider().read("id", KNOWN).id == ""


def test_a_host_without_the_image_can_say_nothing_and_changes_nothing(host: Host) -> None:
    host.image = False
    assert RootCertificateProvider().read("id", KNOWN).outs == KNOWN


def test_another_volume_is_another_ca() -> None:
    diff = RootCertificateProvider().diff
    assert diff("id", KNOWN, PROPS).changes is False
    assert diff("id", KNOWN, PROPS | {"volume": "b"}).replaces == ["volume"]
