"""Other versions of the images, and back again."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from tests.e2e.checkout import ROOT, Checkout
from tests.e2e.support import containers
from tests.e2e.support.load import PatientLoad

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_GATEWAY = ("proxy", "router")
_OLDER = "caddy:2.10.2"
# A Caddy that doesn't know all that the gateway asks of it, as those before 2.9.
_TOO_OLD = r"""
FROM {image}
RUN mv /usr/bin/caddy /usr/bin/newer && printf '%s\n' \
    '#!/bin/sh' \
    '[ "$1" = validate ] || exec newer "$@"' \
    'echo "Error: adapting config using caddyfile: unrecognized option protocols" >&2' \
    'exit 1' >/usr/bin/caddy && chmod +x /usr/bin/caddy
"""


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


@pytest.fixture
def too_old(few: Checkout) -> Iterator[str]:
    ref = "caddy:e2e-too-old"
    dockerfile = _TOO_OLD.format(image=few.image("gateway"))
    few.docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=ref, rm=True)
    yield ref
    few.docker.images.remove(ref, force=True)


@pytest.fixture(scope="module")
def rebuilt(few: Checkout) -> Iterator[str]:
    """The gateway's version built anew, which is another image."""
    ref = "caddy:e2e-rebuilt"
    dockerfile = f"FROM {few.image('gateway')}\nLABEL rebuilt=yes\n"
    few.docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=ref, rm=True)
    yield ref
    few.docker.images.remove(ref, force=True)


def test_sites_go_to_another_version_and_back_without_a_failed_request(
    few: Checkout, older: str
) -> None:
    current = few.image("site")
    assert _version(few, "alpha") in current
    with few.load("alpha") as load:
        for image in (older, current):
            few.use_image("site", image)
            few.apply()
            assert _version(few, "alpha") in image
    load.check()
    print(load)


def test_a_gateway_that_is_too_old_stops_in_preview(few: Checkout, too_old: str) -> None:
    before, current = few.ids(), few.image("gateway")
    few.use_image("gateway", too_old)
    preview = few.pulumi("preview", check=False)
    update = few.up(check=False)
    few.use_image("gateway", current)
    for done in (preview, update):
        assert done.returncode
        assert "unrecognized" in done.stdout, "Caddy's own reason"
        assert "Traceback" not in done.stdout
    assert few.ids() == before
    few.serves(few.url("alpha"), "marker-of-alpha")


def test_the_router_goes_to_another_image_and_back_while_visitors_are_held(
    few: Checkout, rebuilt: str
) -> None:
    sites = {site: containers.one(few.docker, few.label, site).id for site in ("alpha", "program")}
    for image in (rebuilt, few.image("gateway")):
        proxy, before = (containers.one(few.docker, few.label, each).id for each in _GATEWAY)
        few.use_image("gateway", image)
        with few.load("alpha", kind=PatientLoad) as load:
            few.apply()
        load.check()
        router = containers.one(few.docker, few.label, "router")
        assert router.attrs["Config"]["Image"] == image
        assert router.id != before
        assert containers.one(few.docker, few.label, "proxy").id == proxy
        now = {site: containers.one(few.docker, few.label, site).id for site in sites}
        assert now == sites
        print(f"the router becomes {image}: {load}")


def _version(few: Checkout, site: str) -> str:
    """The version of Caddy that serves a site, as it says itself."""
    said = containers.run_in(containers.one(few.docker, few.label, site), "caddy version")
    return said.removeprefix("v").split()[0]
