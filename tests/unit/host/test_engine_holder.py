"""Which container a volume is read through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import docker
import pytest

from host import engine


class Host:
    """A Docker host whose containers are said as its API lists them."""

    def __init__(self, *there: tuple[str, dict[str, str], dict[str, str]]) -> None:
        self.there = there

    @property
    def api(self) -> "Host":
        return self

    def containers(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"all": True, "filters": {"volume": "pages"}}
        return [
            {
                "Id": name,
                "Labels": labels,
                "Mounts": [
                    {"Type": "bind", "Destination": "/bound"},
                    *({"Name": volume, "Destination": at} for volume, at in mounts.items()),
                ],
            }
            for name, labels, mounts in self.there
        ]


class Client:
    def __init__(self, host: Host) -> None:
        self.api = host
        self.containers = self

    def get(self, name: str) -> str:
        return name


@pytest.fixture
def throwaways(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    made: list[dict[str, str]] = []

    @contextmanager
    def throwaway(*_: object, volumes: dict[str, str], **__: object) -> Iterator[str]:
        made.append(volumes)
        yield "throw-away"

    monkeypatch.setattr(engine, "throwaway", throwaway)
    return made


def held(*there: tuple[str, dict[str, str], dict[str, str]]) -> tuple[object, str]:
    client = cast("docker.DockerClient", Client(Host(*there)))
    with engine.holder(client, "pages", image="caddy:2") as found:
        return found


def test_a_container_that_has_the_volume_anyway_is_used(throwaways: list[dict[str, str]]) -> None:
    mounts = {"keys": "/state", "pages": "/content"}
    assert held(("router", {}, mounts)) == ("router", "/content")
    assert throwaways == []


@pytest.mark.parametrize(
    "there",
    [
        [],
        [("check", {"homeport.throwaway": "true"}, {"pages": "/content"})],  # may go any moment
        [("other", {}, {"pages-of-others": "/content"})],  # Docker looks for a part of the name
    ],
)
def test_without_one_there_is_a_throw_away_one(
    throwaways: list[dict[str, str]], there: list[tuple[str, dict[str, str], dict[str, str]]]
) -> None:
    assert held(*there) == ("throw-away", "/volume")
    assert throwaways == [{"pages": "/volume"}]
