"""Versions of a site that don't work: no visitor sees one, and nothing else is held back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing

import docker
import pytest

from tests.e2e.checkout import Checkout, Place
from tests.e2e.sites import page, program, write
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_ACCEPT = """\
$server = stream_socket_server("tcp://0.0.0.0:80");
while (true) $visitors[] = @stream_socket_accept($server, -1);
"""
_FAULTS = {
    "exits": "echo version-exits-at-once; exit 3",
    "never-listens": "echo version-never-listens; exec sleep 3600",
    "answers-500": "echo version-answers-500; exec caddy respond --listen :80 --status 500 broken",
    "never-answers": f"echo version-never-answers; exec php -r '{_ACCEPT}'",
}
# One image for all faults, because an image is chosen for all PHP sites together. Which fault it
# shows is a file of the site's content; a site without one is well.
_DOCKERFILE = """\
FROM {good}
COPY --from={good} /usr/local/bin/serve /usr/local/bin/serve-well
COPY serve /usr/local/bin/serve
"""
_SERVE = """\
#!/bin/sh
[ -e /srv/current/fault ] || exec serve-well "$@"
. /srv/current/fault
"""


@pytest.fixture(scope="module")
def stack(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack that is up: the sites in `_FAULTS`, and two others."""
    folder = tmp_path_factory.mktemp("bad-versions") / "checkout"
    checkout = Checkout(folder, place, stack_name("bad-versions"))
    # What never gets healthy is waited for in each update.
    promotion = folder / "host/promotion.py"
    promotion.write_text(promotion.read_text().replace("_PATIENCE = 30", "_PATIENCE = 15"))
    try:
        program(checkout)
        for site, script in _FAULTS.items():
            page(checkout, site, f"marker-of-{site}", more="runtime: php\n")
            write(checkout, f"sites/{site}/fault", script)
        checkout.up()
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def bad(stack: Checkout) -> Iterator[str]:
    """An image whose versions of the sites in `_FAULTS` don't work."""
    good, ref = stack.image("php"), "homeport/php:e2e-bad"
    context = _context({"Dockerfile": _DOCKERFILE.format(good=good), "serve": _SERVE})
    with closing(docker.from_env()) as client:
        client.images.build(fileobj=context, custom_context=True, tag=ref, rm=True)
        yield ref
        client.images.remove(ref, force=True)


def test_no_visitor_sees_a_version_that_does_not_work(stack: Checkout, bad: str) -> None:
    good = stack.image("php")
    with ExitStack() as open_:
        loads = [open_.enter_context(stack.load(site, share=1 / len(_FAULTS))) for site in _FAULTS]
        stack.use_image("php", bad)
        for attempt in ("first", "second"):
            page(stack, "neighbour", f"marker-of-neighbour, {attempt} attempt")
            done = stack.up(check=False)
            assert done.returncode != 0
            for site in _FAULTS:
                assert f"{site} is " in done.stdout
                assert f"version-{site}" in done.stdout, "its last log lines are shown"
            stack.serves(stack.url("neighbour"), f"marker-of-neighbour, {attempt} attempt")
            assert _images(stack, "program", running=True) == {bad}, "another site was replaced"
        stack.use_image("php", good)
        stack.up()
    for load in loads:
        load.check()
    for site in (*_FAULTS, "program"):
        assert _images(stack, site) == {good}, "no failed version is left"


def _images(stack: Checkout, site: str, *, running: bool = False) -> set[str]:
    """The images of all containers of a site, or of those that run."""
    there = containers.all_of(stack.docker, stack.label)
    return {
        each.attrs["Config"]["Image"]
        for each in there
        if each.labels.get(containers.COMPONENT) == site
        and (each.status == "running" or not running)
    }


def _context(files: dict[str, str]) -> io.BytesIO:
    """A build context with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer
