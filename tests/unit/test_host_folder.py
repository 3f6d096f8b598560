"""A folder of the Docker host: looked for, and never made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest

from components import engine
from components.host_folder import HostFolderProvider

provider = HostFolderProvider()
PROPS = {
    "docker_host": "unix:///d",
    "path": "/srv/photos",
    "shown_as": "config/sites/photos.yaml",
    "image": "caddy:2",
    "labels": {"homeport.component": "photos"},
}


class Host:
    """A Docker host that makes a container, or says what it has against it."""

    def __init__(self) -> None:
        self.refusal = ""
        self.mounts: list[Any] = []

    @contextmanager
    def throwaway(
        self, _client: object, _image: str, _command: object, **said: Any
    ) -> Iterator[None]:
        self.mounts = said["mounts"]
        assert "volumes" not in said, "Docker would make the folder"
        if self.refusal:
            raise docker.errors.APIError("400", explanation=self.refusal)
        yield


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: True)
    monkeypatch.setattr(engine, "throwaway", host.throwaway)
    return host


def test_a_folder_that_is_there_is_taken(host: Host) -> None:
    assert provider.check({}, PROPS).failures == []
    assert provider.create(PROPS).id == "/srv/photos"
    (mount,) = host.mounts
    assert (mount["Source"], mount["Type"], mount["ReadOnly"]) == ("/srv/photos", "bind", True)


def test_one_that_is_missing_stops_in_preview_naming_the_sites_file(host: Host) -> None:
    host.refusal = 'invalid mount config for type "bind": bind source path does not exist: /srv'
    (failure,) = provider.check({}, PROPS).failures
    assert failure.property == ""
    assert failure.reason.startswith("config/sites/photos.yaml")
    assert failure.reason.endswith(
        ": source.host_folder is '/srv/photos': the Docker host has no such folder; create it "
        "there, or name one that is there"
    )
    with pytest.raises(engine.EngineError) as caught:
        provider.create(PROPS)
    assert str(caught.value) == failure.reason


def test_any_other_trouble_of_the_host_is_its_own(host: Host) -> None:
    host.refusal = "no space left on device"
    with pytest.raises(docker.errors.APIError, match="no space left"):
        provider.check({}, PROPS)


@pytest.mark.parametrize("missing", ["reachable", "has_image"])
def test_a_host_that_can_not_be_asked_yet_is_asked_by_up(
    host: Host, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(engine, missing, lambda *_: False)
    host.refusal = "does not exist"
    assert provider.check({}, PROPS).failures == []
    assert host.mounts == []
