"""One publisher's folders, and a remote, for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.images.publisher.support import Box, Remote, Server


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "box")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as server:
        yield server


@pytest.fixture(scope="session")
def one_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that each test's own is a copy of, because git takes longer to make one."""
    remote = Remote(tmp_path_factory.mktemp("remote") / "pages", "", "sha1")
    remote.push({"index.html": "one"})
    return remote.folder


@pytest.fixture
def remote(server: Server, one_page: Path) -> Remote:
    """A repository with one page, `index.html`."""
    remote = server.repository("owner/pages")
    shutil.copytree(one_page, remote.folder, dirs_exist_ok=True)
    return remote
