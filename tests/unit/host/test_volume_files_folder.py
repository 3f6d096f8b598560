"""Files in a folder of a volume that others write to as well: only that folder is theirs.

The volume is a folder of this machine, and the scripts of throw-away containers run on it.
"""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import docker
import pytest

from host import engine, shared_folders
from host.volume_files import VolumeFilesProvider
from tests.unpacking import unpack

provider = VolumeFilesProvider()
PROPS: dict[str, Any] = {
    "docker_host": "unix:///d",
    "volume": "homeport-local-content",
    "mount": "/content",
    "folder": "sites/blog",
    "image": "caddy:2",
    "files": {"index.html": "one", "a/b.html": "deep"},
    "secret_files": {},
    "folders": {},
    "owner": 1000.0,
    "validate": [],
    "reload": [],
    "labels": {"homeport.component": "blog"},
}


class Router:
    """The running service that mounts the volume."""

    attrs: ClassVar = {"Mounts": [{"Name": PROPS["volume"], "Destination": "/state"}]}
    labels: ClassVar[dict[str, str]] = {}


class Host:
    """A Docker host with one volume."""

    def __init__(self, folder: Path) -> None:
        self.content = folder / "content"
        self.content.mkdir()
        self.has_image = True
        self.owners: dict[str, tuple[int, int]] = {}
        """Whose what was unpacked is."""
        self._command: Sequence[str] = ()

        self.router: list[Router] = []
        self.read: list[str] = []
        """The folders that were read by themselves."""
        self.refusals: list[str] = []
        """What the next archives are refused with."""

    @property
    def volumes(self) -> "Host":
        return self

    @property
    def containers(self) -> "Host":
        return self

    def list(self, filters: dict[str, str]) -> "list[Router]":
        assert filters == {"volume": PROPS["volume"], "status": "running"}
        return self.router

    def run_in(self, _container: object, command: Sequence[str]) -> engine.Ran:
        argv = [word.replace("/state", str(self.content)) for word in command]
        done = subprocess.run(argv, capture_output=True, check=False)
        mine = f"entry {os.getuid()} ".encode()
        return engine.Ran(done.returncode, done.stdout.replace(mine, b"entry 1000 "), done.stderr)

    def get(self, name: str) -> None:
        if name != PROPS["volume"] or not self.content.exists():
            raise docker.errors.NotFound(name)

    @contextmanager
    def throwaway(
        self, _client: object, _image: str, command: Sequence[str], **said: Any
    ) -> Iterator["Host"]:
        assert said["volumes"] == {PROPS["volume"]: "/content"}
        if command != ["true"]:
            assert said["user"] == "1000:1000", "the publisher couldn't remove what root wrote"
        self._command = command
        yield self

    @contextmanager
    def holder(self, _client: object, volume: str, **_: Any) -> Iterator[tuple["Host", str]]:
        assert volume == PROPS["volume"]
        yield self, "/state"

    def put_archive(self, at: str, archive: bytes) -> None:
        assert at == "/content"
        if self.refusals:
            raise docker.errors.APIError(self.refusals.pop(0))
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for info in tar.getmembers():
                self.owners[info.name] = info.uid, info.gid
                info.uid, info.gid = os.getuid(), os.getgid()
            unpack(tar, self.content)

    def run_to_end(self, _container: object) -> tuple[int, str]:
        argv = [word.replace("/content", str(self.content)) for word in self._command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    def unpack(self, _container: object, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """Everything below a folder, as Docker's archive has it: with the folder's own name."""
        self.read.append(path)
        at = self.content / path.removeprefix("/state/")
        if not at.exists():
            raise docker.errors.NotFound(path)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(at, at.name)
        buffer.seek(0)
        with tarfile.open(fileobj=buffer) as tar:
            for info in tar:
                info.uid = info.gid = 1000
                file = tar.extractfile(info) if info.isfile() else None
                yield info, file.read() if file else b""

    @property
    def served(self) -> dict[str, str]:
        current = self.content / "sites/blog/current"
        pages = (path for path in current.rglob("*") if path.is_file())
        return {str(path.relative_to(current)): path.read_text() for path in pages}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    host = Host(tmp_path)
    shared_folders.forget()
    for name in ("throwaway", "holder", "run_in", "run_to_end", "unpack"):
        monkeypatch.setattr(engine, name, getattr(host, name))
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: host.has_image)
    return host


def created(**different: Any) -> dict[str, Any]:
    outs = provider.create(PROPS | different).outs
    assert outs
    return outs


def published(host: Host) -> Path:
    """A release of the publisher's, which is served."""
    blog = host.content / "sites/blog"
    page = blog / "releases/abc-1/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("from git")
    (blog / "current").symlink_to("releases/abc-1")
    (blog / "written-by").write_text("publisher\n")
    return page


def test_they_stand_in_their_folder_and_nothing_else_is_touched(host: Host) -> None:
    other = host.content / "sites/shop/releases/1/index.html"
    other.parent.mkdir(parents=True)
    other.write_text("shop's")
    created()
    created(files={"index.html": "two"})
    assert host.served == {"index.html": "two"}
    assert other.read_text() == "shop's"
    assert sorted(path.name for path in host.content.iterdir()) == ["sites"]


def test_a_folder_that_another_site_made_at_the_same_moment_is_taken(host: Host) -> None:
    host.refusals = ["Error processing tar file(exit status 1): mkdir /content/sites: file exists"]
    created()
    assert host.served == {"index.html": "one", "a/b.html": "deep"}


def test_a_file_in_the_place_of_a_folder_is_told(host: Host) -> None:
    host.refusals = ["Error processing tar file(exit status 1): mkdir /content/sites: file exists"]
    host.refusals *= 2
    with pytest.raises(docker.errors.APIError):
        created()


def test_a_full_disk_is_told_at_once(host: Host) -> None:
    host.refusals = ["Error processing tar file(exit status 1): no space left on device"]
    with pytest.raises(docker.errors.APIError):
        created()


def test_two_sites_of_one_volume_are_two_resources() -> None:
    other = PROPS | {"folder": "sites/shop"}
    assert provider.diff("x", PROPS, other).replaces == ["folder"]


def test_they_belong_to_the_service_and_so_do_folders(host: Host) -> None:
    created()
    assert {"sites", "sites/blog", "sites/blog/releases"} < set(host.owners)
    assert set(host.owners.values()) == {(1000, 1000)}, "else the publisher couldn't take over"


def test_what_git_brought_before_is_served_until_the_files_are_there(host: Host) -> None:
    page = published(host)
    created()
    assert host.served == PROPS["files"]
    assert page.read_text() == "from git", "who asked for it before goes on"
    created(files={"index.html": "two"})
    assert not page.exists(), "one release before is kept, and no more"


def test_they_are_removed_with_the_resource(host: Host) -> None:
    outs = created()
    provider.delete("x", outs)
    assert list((host.content / "sites").iterdir()) == []
    provider.delete("x", outs)


def test_what_the_publisher_has_taken_over_is_not_removed(host: Host) -> None:
    outs = created()
    (host.content / "sites/blog/written-by").write_text("publisher\n")
    provider.delete("x", outs)
    assert host.served == PROPS["files"], "until the first release of git is complete"


def test_a_folder_that_comes_back_is_theirs_again(host: Host) -> None:
    published(host)
    provider.delete("x", created())
    assert not (host.content / "sites/blog").exists()


@pytest.mark.parametrize("lost", ["volume", "image"])
def test_without_volume_or_image_there_is_nothing_to_remove(host: Host, lost: str) -> None:
    outs = created()
    if lost == "volume":
        host.content.rename(host.content.with_name("elsewhere"))
    else:
        host.has_image = False
    provider.delete("x", outs)


def test_files_of_a_volume_of_their_own_are_left_to_its_owner(host: Host) -> None:
    outs = created()
    provider.delete("x", {key: value for key, value in outs.items() if key != "folder"})
    assert host.served == PROPS["files"]


@pytest.fixture(params=["stopped", "running"])
def router(host: Host, request: pytest.FixtureRequest) -> str:
    """How the service that mounts the volume is."""
    if request.param == "running":
        host.router = [Router()]
    return str(request.param)


def test_files_as_they_were_written_are_no_drift_whatever_stands_beside(
    host: Host, router: str
) -> None:
    outs = created()
    other = host.content / "sites/shop/current/index.html"
    other.parent.mkdir(parents=True)
    other.write_text("shop's")
    assert provider.read("x", outs).outs == outs
    assert host.read == ([] if router == "running" else ["/state/sites/blog"])


@pytest.mark.parametrize(
    "by_hand", ["a page", "a mode", "a link", "one more", "the link", "the folder", "all folders"]
)
@pytest.mark.usefixtures("router")
def test_what_was_changed_by_hand_is_shown_and_the_next_up_mends_it(
    host: Host, by_hand: str
) -> None:
    outs = created()
    blog = host.content / "sites/blog"
    match by_hand:
        case "a page":
            page = blog / "current/index.html"
            page.chmod(0o644)
            page.write_text("by hand")
        case "a mode":
            (blog / "current/index.html").chmod(0o600)
        case "a link":
            (blog / "current/link").symlink_to("index.html")
        case "one more":
            (blog / "current/one\nmore").write_text("by hand")
        case "the link":
            (blog / "current").unlink()
        case "the folder":
            subprocess.run(["rm", "-r", blog], check=True)
        case _:
            subprocess.run(["rm", "-r", blog.parent], check=True)
    seen = provider.read("x", outs).outs
    assert seen
    assert provider.diff("x", seen, PROPS).changes
    provider.update("x", seen, PROPS)
    assert host.served == PROPS["files"]
    assert provider.read("x", outs).outs == outs
