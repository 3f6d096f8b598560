"""A site's container: shown to visitors once it is healthy, and not before."""

from dataclasses import dataclass, field
from typing import Any

import docker
import pytest

from host import engine, promotion
from host.promotion import PromotionProvider

provider = PromotionProvider()
PROPS = {
    "docker_host": "unix:///d",
    "container": "blog-new",
    "network": "web-id",
    "alias": "site-blog",
}
IDLE = {"idle": {"NetworkID": "idle-id", "Aliases": ["blog-new"]}}
WEB = {"web": {"NetworkID": "web-id", "Aliases": ["site-blog"]}}


@dataclass
class Blog:
    """A container, asked for its health again and again."""

    healths: list[str] = field(default_factory=lambda: ["healthy"])
    """What it says of itself from one time to the next; the last one stays."""
    exit_code: int | None = None
    networks: dict[str, Any] = field(default_factory=lambda: dict(IDLE))

    labels = {"homeport.component": "blog"}  # noqa: RUF012 - nobody changes it

    @property
    def health(self) -> str:
        return self.healths.pop(0) if len(self.healths) > 1 else self.healths[0]

    @property
    def attrs(self) -> dict[str, Any]:
        ended = self.exit_code is not None
        return {
            "State": {"Running": not ended, "ExitCode": self.exit_code or 0},
            "NetworkSettings": {"Networks": self.networks},
        }

    def logs(self, *, tail: int) -> bytes:
        assert tail
        return b"no such file\n"


@dataclass
class Old:
    """The container that visitors see until then."""

    host: "Host"
    restart: str = "always"
    stopped_with: int | None = None

    def update(self, *, restart_policy: dict[str, str]) -> None:
        self.restart = restart_policy["Name"]

    def stop(self, *, timeout: int) -> None:
        self.stopped_with = timeout


class Host:
    """A Docker host with that container, and a clock that time passes on only by sleeping."""

    def __init__(self) -> None:
        self.blog: Blog | None = Blog()
        self.now = 0.0
        self.old: Old | None = Old(self)
        self.connected: list[tuple[str, str, list[str], float]] = []
        """Network, container, aliases, and when."""

    # What the SDK's client and the clock offer, as far as they are used.
    @property
    def containers(self) -> "Things":
        return Things(self._container)

    @property
    def networks(self) -> "Things":
        return Things(lambda name: Network(self, name))

    def _container(self, name: str) -> "Blog | Old":
        if name == "blog-old" and self.old:
            return self.old
        if name != "blog-new" or not self.blog:
            raise docker.errors.NotFound(name)
        return self.blog

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@dataclass
class Things:
    get: Any


@dataclass
class Network:
    host: Host
    name: str

    def connect(self, container: str, *, aliases: list[str]) -> None:
        self.host.connected.append((self.name, container, aliases, self.host.now))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(promotion, "time", host)
    return host


def promote_anew(props: dict[str, Any]) -> Any:
    return provider.create(props).outs


def promote_another(props: dict[str, Any]) -> Any:
    return provider.update("site-blog", PROPS | {"container": "blog-old"}, props).outs


both = pytest.mark.parametrize("promote", [promote_anew, promote_another])


@both
def test_a_container_is_connected_as_soon_as_it_is_healthy_and_not_before(
    host: Host, promote: Any
) -> None:
    host.blog = Blog(healths=["starting"] * 10 + ["unhealthy"] * 10 + ["healthy"])
    assert promote(PROPS) == PROPS
    ((*where, when),) = host.connected
    assert where == ["web-id", "blog-new", ["site-blog"]]
    assert when == pytest.approx(20 * 0.2)


def test_the_old_one_is_stopped_for_good_once_the_new_one_answers(host: Host) -> None:
    """An update in which another site fails deletes nothing, and both would answer."""
    promote_another(PROPS)
    assert host.old
    assert (host.old.restart, host.old.stopped_with) == ("no", 30)


def test_an_old_one_that_is_gone_is_no_error(host: Host) -> None:
    host.old = None
    promote_another(PROPS)
    assert host.connected


def test_the_old_one_goes_on_where_the_new_one_fails(host: Host) -> None:
    host.blog = Blog(["unhealthy"])
    with pytest.raises(engine.EngineError):
        promote_another(PROPS)
    assert host.old
    assert host.old.stopped_with is None


def test_its_id_is_the_alias_that_visitors_find(host: Host) -> None:
    assert provider.create(PROPS).id == "site-blog"


@pytest.mark.parametrize(
    ("ill", "how"),
    [
        (Blog(["starting"]), "healthy"),
        (Blog(["unhealthy"]), "healthy"),
        (Blog(["unhealthy"], exit_code=3), "running (exit code 3)"),
        (Blog(["unhealthy"], exit_code=0), "running (exit code 0)"),
    ],
)
@both
def test_one_that_does_not_get_healthy_fails_with_its_last_lines_and_is_never_shown(
    host: Host, promote: Any, ill: Blog, how: str
) -> None:
    host.blog = ill
    with pytest.raises(engine.EngineError) as caught:
        promote(PROPS)
    assert str(caught.value) == (
        f"blog is not {how} after 30 s, so visitors don't get to see it; its last lines:\n"
        "no such file"
    )
    assert host.connected == []
    assert host.now == pytest.approx(30, abs=0.5)


@both
def test_one_that_visitors_see_already_is_left_alone(host: Host, promote: Any) -> None:
    """Docker refuses to connect it twice."""
    host.blog = Blog(networks=IDLE | WEB)
    assert promote(PROPS) == PROPS
    assert host.connected == []


@pytest.mark.parametrize(
    "changed",
    [
        {"docker_host": "ssh://other"},
        {"container": "blog-newer"},
        {"network": "other-id"},
        {"alias": "site-other"},
    ],
)
def test_whatever_changes_what_visitors_find_is_a_change(changed: dict[str, str]) -> None:
    assert provider.diff("site-blog", PROPS, PROPS | changed).changes is True
    assert provider.diff("site-blog", PROPS, PROPS | {"__provider": "x"}).changes is False


@pytest.mark.parametrize(
    "networks",
    [
        IDLE,
        IDLE | {"web": {"NetworkID": "web-id", "Aliases": None}},
        IDLE | {"web": {"NetworkID": "web-id", "Aliases": ["site-other"]}},
        IDLE | {"web": {"NetworkID": "other-id", "Aliases": ["site-blog"]}},
        None,
    ],
)
def test_refresh_finds_a_promotion_that_was_undone_and_the_next_up_mends_it(
    host: Host, networks: dict[str, Any] | None
) -> None:
    """Also where the container itself is gone."""
    host.blog = None if networks is None else Blog(networks=networks)
    found = provider.read("site-blog", PROPS)
    assert found.id == "site-blog"
    assert provider.diff("site-blog", found.outs or {}, PROPS).changes is True


def test_refresh_finds_nothing_where_all_is_well(host: Host) -> None:
    host.blog = Blog(networks=IDLE | WEB)
    assert provider.read("site-blog", PROPS).outs == PROPS
