"""Versions of a site that don't work: no visitor sees one, and nothing else is held back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.load import Load

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_SERVE = {
    "exits": "echo version-exits-at-once; exit 3",
    "never-listens": "echo version-never-listens; exec sleep 3600",
    "answers-500": "echo version-answers-500; exec caddy respond --listen :80 --status 500 broken",
    "never-answers": "echo version-never-answers; exec nc -ll -p 80 -e sleep 3600",
}


@pytest.fixture(scope="module")
def versions() -> Iterator[dict[str, str]]:
    """An image of each kind of bad version, by what it does."""
    client = docker.from_env()
    refs = {}
    for what, script in _SERVE.items():
        refs[what] = f"homeport/php:e2e-{what}"
        client.images.build(fileobj=_context(script), custom_context=True, tag=refs[what])
    yield refs
    for ref in refs.values():
        client.images.remove(ref, force=True)
    client.close()


@pytest.mark.parametrize("what", _SERVE)
def test_no_visitor_sees_a_version_that_does_not_work(
    estate: Checkout, versions: dict[str, str], what: str
) -> None:
    good = estate.image("php")
    serving = containers.one(estate.docker, estate.label, "program").id
    load = Load(
        estate.url("program"),
        marker="marker-of-program",
        address=(estate.place.address, estate.https),
        ca=estate.ca,
    )
    with load:
        estate.use_image("php", versions[what])
        page(estate, "neighbour", f"marker-of-neighbour beside {what}")
        try:
            for _ in range(2):
                done = estate.up(check=False)
                assert done.returncode != 0
                assert "program is " in done.stdout
                assert f"version-{what}" in done.stdout, "its last log lines are shown"
                estate.serves(estate.url("neighbour"), f"marker-of-neighbour beside {what}")
        finally:
            estate.use_image("php", good)
        estate.up()
    load.check()
    now = containers.one(estate.docker, estate.label, "program")
    assert now.attrs["Config"]["Image"] == good
    assert serving is not None


def _context(script: str) -> io.BytesIO:
    """A build context with a Dockerfile and a `serve` that does what the script says."""
    files = {
        "Dockerfile": "FROM caddy:2.11.7\nCOPY serve /usr/bin/serve\n",
        "serve": f"#!/bin/sh\n{script}\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer
