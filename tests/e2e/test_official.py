"""The official way, as far as it can be walked here: engine and plugins from the vendor's servers,
images from a registry. Both are played on this machine, and nothing can be built: offline/ is gone.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.images import read
from tests.e2e.checkout import ROOT
from tests.e2e.support.mirror import LOGIN, Mirror
from tests.e2e.support.second_host import SecondHost, requires_root
from tests.e2e.support.vendor import Vendor

pytestmark = pytest.mark.skipif(bool(requires_root()), reason=requires_root())

ENGINE = ROOT / ".engine"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    return Vendor(tmp_path_factory.mktemp("vendor"), ENGINE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `setup/engine` needs of a clone in which nothing was set up."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "setup", clone / "setup")
    shutil.copy(ROOT / "requirements.txt", clone)
    return clone


def sets_up(
    vendor: Vendor, clone: Path, fault: str = ""
) -> tuple[subprocess.CompletedProcess[str], dict[Path, bytes]]:
    """`setup/engine` before this vendor, and what is in .engine then."""
    private = str(Path.home() / ".pulumi"), str(ROOT)
    path = [entry for entry in os.environ["PATH"].split(":") if not entry.startswith(private)]
    done = subprocess.run(
        [*vendor.reached(fault), "setup/engine"],
        cwd=clone,
        env=os.environ | {"PATH": ":".join(path), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done, programs_of(clone / ".engine")


def programs_of(engine: Path) -> dict[Path, bytes]:
    files = [*engine.glob("bin/*"), *engine.glob("plugins/*/pulumi-resource-*")]
    return {file.relative_to(engine): file.read_bytes() for file in files}


@pytest.mark.parametrize("fault", ["", "limits"])
def test_engine_and_plugins_are_the_vendors(vendor: Vendor, clone: Path, fault: str) -> None:
    """GitHub limits who asks often; then the vendor's own server has the plugins too."""
    done, programs = sets_up(vendor, clone, fault)
    assert done.returncode == 0, done.stderr
    assert programs == programs_of(ENGINE)
    assert "Building" not in done.stderr
    assert not (clone / ".engine/scratch").exists()
    own_server = "https://get.pulumi.com/releases/plugins/pulumi-resource-docker-v"
    assert any(url.startswith(own_server) for url in vendor.asked()) == (fault == "limits")
    again, _ = sets_up(vendor, clone)
    assert (again.returncode, again.stderr, vendor.asked()) == (0, "", [])


@pytest.mark.parametrize("fault", ["breaks_off", "spoils"])
def test_of_a_download_that_fails_nothing_is_left(vendor: Vendor, clone: Path, fault: str) -> None:
    done, programs = sets_up(vendor, clone, fault)
    assert done.returncode != 0
    assert "Downloading Pulumi" in done.stderr
    assert "Building what can't be downloaded of Pulumi" in done.stderr  # which isn't here
    assert programs == {}
    whole, programs = sets_up(vendor, clone)
    assert whole.returncode == 0, whole.stderr
    assert programs == programs_of(ENGINE)


IMAGES = read(ROOT / "config/images.yaml", "config/images.yaml")
IMAGE = IMAGES.blackbox  # a small one


@pytest.fixture(scope="module")
def host() -> Iterator[SecondHost]:
    """A Docker host that reaches a mirror of Docker Hub, and nothing else."""
    with SecondHost() as host:
        yield host


@pytest.fixture(scope="module")
def mirror(host: SecondHost) -> Iterator[Mirror]:
    with Mirror(host.neighbour, IMAGES.registry, IMAGE) as mirror:
        host.pulls_from(mirror.address)
        yield mirror


@pytest.fixture
def bare(host: SecondHost, mirror: Mirror) -> SecondHost:
    """The host without images."""
    for image in (IMAGE, f"{mirror.address}/{IMAGE}"):
        subprocess.run(
            ["docker", "--host", host.docker, "rmi", image], check=False, capture_output=True
        )
    return host


def gets(
    host: SecondHost, clone: Path, image: str = IMAGE, **env: str
) -> subprocess.CompletedProcess[str]:
    """`setup/images` for a host's daemon, as an update calls it."""
    return subprocess.run(
        ["setup/images", image],
        cwd=clone,
        env=os.environ | {"DOCKER_HOST": host.docker} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def has(host: SecondHost, image: str = IMAGE) -> bool:
    inspect = ["docker", "--host", host.docker, "image", "inspect", image]
    return subprocess.run(inspect, check=False, capture_output=True).returncode == 0


def test_an_image_is_pulled_and_not_built(bare: SecondHost, mirror: Mirror, clone: Path) -> None:
    mirror.has("")
    done = gets(bare, clone)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"Pulling {IMAGE}…\nPulling {IMAGE}: done in ")
    assert has(bare)
    mirror.has("")
    assert (gets(bare, clone).stderr, mirror.asked) == ("", [])


def test_a_transfer_that_breaks_off_is_taken_up(
    bare: SecondHost, mirror: Mirror, clone: Path
) -> None:
    mirror.has("breaks_off")
    done = gets(bare, clone)
    assert done.returncode == 0, done.stderr
    assert has(bare)


@pytest.mark.parametrize("fault", ["limits", "spoils"])
def test_what_a_registry_fails_to_give_is_built(
    bare: SecondHost, mirror: Mirror, clone: Path, fault: str
) -> None:
    """Nothing of a content that isn't what its digest says is kept."""
    mirror.has(fault)
    done = gets(bare, clone)
    assert done.returncode != 0
    assert f"Pulling {IMAGE}…" in done.stderr
    assert "offline/images/build" in done.stderr  # which isn't here
    assert not has(bare)
    mirror.has("")
    assert gets(bare, clone).returncode == 0
    assert has(bare)


def test_a_login_is_the_persons_own(
    bare: SecondHost, mirror: Mirror, clone: Path, tmp_path: Path
) -> None:
    mirror.has("asks")
    image = f"{mirror.address}/{IMAGE}"
    assert gets(bare, clone, image, DOCKER_CONFIG=str(tmp_path)).returncode != 0
    auth = base64.b64encode(LOGIN.encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {mirror.address: {"auth": auth}}}))
    done = gets(bare, clone, image, DOCKER_CONFIG=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert has(bare, image)


BRING = """
from host.host_image import HostImageProvider
HostImageProvider().apply({"docker_host": %r, "ref": %r})
"""


def test_a_host_over_ssh_pulls_what_this_machine_has_not(
    bare: SecondHost, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.has("")
    subprocess.run(
        [sys.executable, "-c", BRING % (bare.docker_host, IMAGE)],
        cwd=ROOT,
        env=bare.environment() | {"DOCKER_HOST": f"unix://{tmp_path}/nobody"},
        check=True,
        timeout=120,
    )
    assert has(bare)
    assert mirror.asked
