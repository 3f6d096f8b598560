"""Other versions of the images, and back again."""

from __future__ import annotations

import io
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

import docker
import pytest

from tests.e2e.checkout import ROOT, Checkout
from tests.e2e.support import containers
from tests.e2e.support.load import Load

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_SITES = ("alpha", "welcome")
_OLDER = "caddy:2.10.2"
"""Serves sites, and doesn't know all that the gateway asks of it."""


@pytest.fixture(scope="module")
def older(few: Checkout) -> Iterator[str]:
    """An older version on the host. A container may still use it when a test has failed."""
    images = few.docker.images
    with suppress(docker.errors.ImageNotFound):
        images.get(_OLDER)
        yield _OLDER
        return
    subprocess.run([ROOT / "offline/images/build", _OLDER], cwd=ROOT, check=True)
    yield _OLDER
    images.remove(_OLDER, force=True)


@pytest.fixture(scope="module")
def rebuilt(few: Checkout) -> Iterator[str]:
    """The gateway's version built anew, which is another image."""
    ref = "caddy:e2e-rebuilt"
    dockerfile = f"FROM {few.image('gateway')}\nLABEL rebuilt=yes\n"
    few.docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=ref)
    yield ref
    few.docker.images.remove(ref, force=True)


def test_sites_go_to_another_version_and_back_without_a_failed_request(
    few: Checkout, older: str
) -> None:
    current = few.image("site")
    assert _version(few, "alpha") in current
    at = (few.place.address, few.https)
    with Load(few.url("alpha"), marker="marker-of-alpha", address=at, ca=few.ca) as load:
        for image in (older, current):
            few.use_image("site", image)
            few.up()
            for site in _SITES:
                assert _version(few, site) in image
    load.check()
    print(load)


def test_a_gateway_that_is_too_old_stops_in_preview(few: Checkout, older: str) -> None:
    before, current = few.ids(), few.image("gateway")
    few.use_image("gateway", older)
    preview = few.pulumi("preview", check=False)
    update = few.up(check=False)
    few.use_image("gateway", current)
    for done in (preview, update):
        assert done.returncode
        assert "unrecognized" in done.stdout, "Caddy's own reason"
        assert "Traceback" not in done.stdout
    assert few.ids() == before
    few.serves(few.url("alpha"), "marker-of-alpha")


def test_the_gateway_goes_to_another_image_and_back_alone(few: Checkout, rebuilt: str) -> None:
    sites = {site: containers.one(few.docker, few.label, site).id for site in _SITES}
    for image in (rebuilt, few.image("gateway")):
        before = containers.one(few.docker, few.label, "proxy").id
        few.use_image("gateway", image)
        with _gaps(few) as gaps:
            few.up()
        proxy = containers.one(few.docker, few.label, "proxy")
        assert proxy.attrs["Config"]["Image"] == image
        assert proxy.id != before
        few.serves(few.url("alpha"), "marker-of-alpha")
        now = {site: containers.one(few.docker, few.label, site).id for site in _SITES}
        assert now == sites
        print(f"the gateway becomes {image}: no answer for {max(gaps):.1f} s at most")


def _version(few: Checkout, site: str) -> str:
    """The version of Caddy that serves a site, as it says itself."""
    said = containers.one(few.docker, few.label, site).exec_run(["caddy", "version"]).output
    return cast("bytes", said).decode().removeprefix("v").split()[0]


@contextmanager
def _gaps(few: Checkout) -> Iterator[list[float]]:
    """Seconds from each good answer to the next, for a visitor who keeps asking."""
    gaps, over = [0.0], threading.Event()

    def ask() -> None:
        last = time.monotonic()
        while not over.wait(0.05):
            with suppress(Exception):  # whatever it is, the visitor got no page
                few.serves(few.url("alpha"), "marker-of-alpha")
                gaps.append(time.monotonic() - last)
                last = time.monotonic()

    visitor = threading.Thread(target=ask)
    visitor.start()
    try:
        yield gaps
    finally:
        over.set()
        visitor.join()
