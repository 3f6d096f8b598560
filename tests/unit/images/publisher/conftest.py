"""One publisher's folders, and a remote, for each test."""

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


@pytest.fixture
def remote(server: Server) -> Remote:
    """A repository with one page, `index.html`."""
    remote = server.repository("owner/pages")
    remote.push({"index.html": "one"})
    return remote
