"""A site's folder among all content: made before it is mounted, and never taken away."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import docker
import pytest
from publisher import release

from host import engine, shared_folders
from host.content_view import ContentFolderProvider

provider = ContentFolderProvider()
PROPS = {
    "docker_host": "unix:///d",
    "volume": "homeport-local-content",
    "site": "blog",
    "image": "caddy:2",
    "labels": {"homeport.component": "blog"},
    "path": None,
}


class Host:
    """A Docker host with one volume, a folder of this machine. Commands run on it."""

    labels: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.volumes = self
        self.output = ""
        self.code = 0

        self.containers = self
        self.is_up = False

    def list(self, filters: dict[str, str]) -> "list[Host]":
        return [self] if self.is_up else []

    def run_in(self, _container: object, command: Sequence[str]) -> engine.Ran:
        argv = [word.replace("/srv", str(self.folder)) for word in command]
        done = subprocess.run(argv, capture_output=True, check=False)
        return engine.Ran(done.returncode, done.stdout, done.stderr)

    def get(self, name: str) -> "Host":
        if name != PROPS["volume"] or not self.folder.exists():
            raise docker.errors.NotFound(name)
        return self

    @property
    def attrs(self) -> dict[str, Any]:
        mounts = [{"Name": PROPS["volume"], "Destination": "/srv"}]
        return {"Mountpoint": str(self.folder), "Mounts": mounts}

    @contextmanager
    def throwaway(
        self, _client: object, _image: str, command: Sequence[str], **said: Any
    ) -> Iterator[None]:
        assert said["user"] == "1000:1000", "the publisher couldn't write into a folder of root"
        (at,) = said["volumes"].values()
        argv = [word.replace(at, str(self.folder)) for word in command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.code, self.output = done.returncode, done.stderr
        yield

    @contextmanager
    def holder(self, _client: object, volume: str, **_: Any) -> Iterator[tuple[None, str]]:
        assert volume == PROPS["volume"]
        yield None, "/srv"

    def exists(self, _container: None, path: str) -> bool:
        return (self.folder / path.removeprefix("/srv/")).exists()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    host = Host(tmp_path)
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: True)
    shared_folders.forget()
    for name in ("throwaway", "holder", "exists", "run_in"):
        monkeypatch.setattr(engine, name, getattr(host, name))
    monkeypatch.setattr(engine, "run_to_end", lambda _: (host.code, host.output))
    return host


def created() -> dict[str, Any]:
    outs = provider.create(PROPS).outs
    assert outs
    return outs


def test_the_folder_is_made_and_its_place_on_the_host_is_answered(host: Host) -> None:
    path = created()["path"]
    assert path == f"{host.folder}/sites/blog"
    assert list(Path(path).iterdir()), "Docker would fill it from the image, as root"


def test_its_marker_says_that_the_publisher_may_switch_there(host: Host) -> None:
    blog = host.folder / "sites/blog"
    blog.mkdir(parents=True)
    (blog / "written-by").write_text("volume-files\n")
    created()
    assert release.is_ours(blog)


def test_what_is_there_already_stays(host: Host) -> None:
    page = host.folder / "sites/blog/releases/1/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("kept")
    provider.delete("blog", created())
    assert page.read_text() == "kept"


def test_a_folder_that_can_not_be_made_is_told_with_the_site(host: Host) -> None:
    (host.folder / "sites").write_text("no folder")
    with pytest.raises(engine.EngineError, match=r"^blog: no folder for its content: mkdir: .*"):
        provider.create(PROPS)


@pytest.mark.parametrize("is_up", [False, True])
def test_a_refresh_forgets_a_folder_that_is_gone_so_that_the_next_up_makes_it(
    host: Host, *, is_up: bool
) -> None:
    host.is_up = is_up
    outs = created()
    assert provider.read("blog", outs).id == "blog"
    (host.folder / "sites/blog/releases").rmdir()
    shared_folders.forget()  # a refresh looks once
    assert provider.read("blog", outs).id == ""
    host.folder = host.folder / "gone"
    assert provider.read("blog", outs).id == ""


def test_a_refresh_learns_where_docker_keeps_the_volume_now(
    host: Host, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outs = created()
    host.folder = tmp_path_factory.mktemp("moved")
    created()
    assert provider.read("blog", outs).outs == outs | {"path": f"{host.folder}/sites/blog"}


@pytest.mark.parametrize("key", ["docker_host", "volume", "site"])
def test_another_volume_is_another_folder(key: str) -> None:
    assert provider.diff("blog", PROPS, PROPS | {key: "other"}).replaces == [key]
    assert not provider.diff("blog", PROPS, PROPS | {"image": "caddy:3", "labels": {}}).changes
