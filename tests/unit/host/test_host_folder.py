"""A folder of the Docker host: looked for, and never made."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from host import engine
from host.host_folder import HostFolderProvider, problem
from tests.unit.setup.machine import needs_root

provider = HostFolderProvider()
PROPS = {
    "docker_host": "unix:///d",
    "path": "/srv/photos",
    "shown_as": "config/sites/photos.yaml:2",
    "image": "caddy:2",
    "labels": {"homeport.component": "photos"},
}
NOT_READ = (
    "user 1000, who runs sites, can't read it; let others read and enter it (chmod o+rx), or "
    "name another folder"
)


class Host:
    """A Docker host that makes a container, or says what it has against it."""

    def __init__(self) -> None:
        self.refusal = ""
        self.look: Callable[[object], tuple[int, str]] = lambda _: (0, "")
        """Exit code and words of the look into the folder."""
        self.mounts: list[Any] = []
        self.command: list[str] = []
        self.user = ""

    @contextmanager
    def throwaway(
        self, _client: object, _image: str, command: list[str], **said: Any
    ) -> Iterator[None]:
        self.mounts, self.command, self.user = said["mounts"], command, said["user"]
        assert "volumes" not in said, "Docker would make the folder"
        if self.refusal:
            raise docker.errors.APIError("400", explanation=self.refusal)
        yield

    def run_to_end(self, container: object) -> tuple[int, str]:
        return self.look(container)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: True)
    monkeypatch.setattr(engine, "throwaway", host.throwaway)
    monkeypatch.setattr(engine, "run_to_end", host.run_to_end)
    return host


def test_a_folder_that_is_there_is_taken(host: Host) -> None:
    assert problem(PROPS) == ""
    assert provider.create(PROPS).id == "/srv/photos"
    (mount,) = host.mounts
    assert (mount["Source"], mount["Type"], mount["ReadOnly"]) == ("/srv/photos", "bind", True)


@pytest.mark.parametrize(
    "why",
    ["bind source path does not exist: /srv/photos", "stat /srv/photos: not a directory"],
)
def test_one_that_is_missing_stops_in_preview_naming_the_sites_line(host: Host, why: str) -> None:
    host.refusal = f'invalid mount config for type "bind": {why}'
    assert problem(PROPS) == (
        "config/sites/photos.yaml:2: source.host_folder is '/srv/photos': the Docker host has no "
        "such folder; create it there, or name one that is there"
    )
    with pytest.raises(engine.EngineError) as caught:
        provider.create(PROPS)
    assert str(caught.value) == problem(PROPS)


@needs_root
@pytest.mark.parametrize(
    ("make", "mode", "wrong"),
    [
        (Path.mkdir, 0o705, ""),
        (Path.touch, 0o644, "that isn't a folder; name the folder that contains it"),
        (Path.mkdir, 0o700, NOT_READ),
        (Path.mkdir, 0o704, NOT_READ),
        (Path.mkdir, 0o701, NOT_READ),
    ],
)
def test_what_a_site_could_not_show_stops_in_preview(
    host: Host, make: Callable[[Path], None], mode: int, wrong: str
) -> None:
    """With a look into a folder of this machine, by the command that a container runs."""

    def look(_container: object) -> tuple[int, str]:
        *shell, script = host.command
        script = script.replace("/folder", str(folder))
        user = int(host.user.partition(":")[0])
        return subprocess.run([*shell, script], check=False, user=user, group=user).returncode, ""

    with tempfile.TemporaryDirectory() as top:  # not tmp_path: nobody else may enter that
        Path(top).chmod(0o755)
        folder = Path(top, "it")
        make(folder)
        folder.chmod(mode)
        host.look = look
        found = problem(PROPS)
    told = "config/sites/photos.yaml:2: source.host_folder is '/srv/photos': on the Docker host, "
    assert found == (told + wrong if wrong else "")


def test_a_look_that_ends_otherwise_is_no_yes(host: Host) -> None:
    host.look = lambda _: (137, "")
    assert problem(PROPS).endswith("'/srv/photos': looking at it ends with exit code 137")


def test_only_another_folder_or_host_is_a_change() -> None:
    """A line that moves in the site's file is none."""
    same = PROPS | {"shown_as": "config/sites/photos.yaml:9", "image": "caddy:3", "labels": {}}
    assert provider.diff("/srv/photos", PROPS, same).changes is False
    for other in ({"path": "/srv/b"}, {"docker_host": "ssh://b"}):
        assert provider.diff("/srv/photos", PROPS, PROPS | other).changes is True


def test_another_folder_is_looked_at_and_kept(host: Host) -> None:
    assert provider.update("/srv/photos", PROPS, PROPS | {"path": "/srv/b"}).outs == PROPS | {
        "path": "/srv/b"
    }
    host.look = lambda _: (1, "")
    with pytest.raises(engine.EngineError, match="isn't a folder"):
        provider.update("/srv/photos", PROPS, PROPS | {"path": "/srv/c"})


def test_any_other_trouble_of_the_host_is_its_own(host: Host) -> None:
    host.refusal = "no space left on device"
    with pytest.raises(docker.errors.APIError, match="no space left"):
        problem(PROPS)
