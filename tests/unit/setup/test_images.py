"""setup/images: every image on this machine's daemon, with one try at a registry out of reach."""

from pathlib import Path

import pytest

from tests.unit.setup.machine import Machine

# A daemon whose images are the lines of a file, before a registry that has those of another.
DOCKER = """
case "$1 $2" in
"version ") [[ ! -e NO_DAEMON ]] ;;
"image inspect") shift 2; for image; do grep -qx "$image" daemon || exit 1; done ;;
"pull --quiet") grep -qx "$3" registry && echo "$3" >>daemon ;;
esac
"""
OURS = "homeport/php:8.4.28-caddy2.11.7-1"
# What images/php/build does: it stands on an image of the registry.
BUILD_OURS = 'grep -qx php:8.4.28-fpm-alpine registry && echo "$1" >>daemon'
BUILD = 'printf "%s\\n" "$@" >>daemon'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.write(
        "config/images.yaml",
        "# Roles: names.\ngateway: caddy:2.11.7\nsite: caddy:2.11.7\nindex: pypiserver:2.4.1\n",
    )
    machine.write("daemon", "")
    machine.write("registry", "caddy:2.11.7\npypiserver:2.4.1\n")
    machine.has("docker", DOCKER)
    machine.has("build", BUILD, machine.root / "offline/images")
    return machine


@pytest.fixture
def with_ours(machine: Machine) -> Machine:
    machine.write("config/images.yaml", f"site: caddy:2.11.7\nphp: {OURS}\n")
    machine.has("build", BUILD_OURS, machine.root / "images/php")
    return machine


def work(machine: Machine) -> list[str]:
    asked = ("docker image inspect", "docker version")
    return [call for call in machine.calls() if not call.startswith(asked)]


def test_each_image_is_pulled_once(machine: Machine) -> None:
    done = machine.run("setup/images")
    assert done.returncode == 0
    assert "Pulling caddy:2.11.7…\n" in done.stderr
    assert work(machine) == [
        "docker pull --quiet caddy:2.11.7",
        "docker pull --quiet pypiserver:2.4.1",
    ]
    assert machine.run("setup/images").stderr == ""
    assert work(machine) == []


def test_out_of_the_registrys_reach_all_are_built_after_one_try(machine: Machine) -> None:
    machine.write("registry", "")
    done = machine.run("setup/images")
    assert done.returncode == 0
    assert work(machine) == [
        "docker pull --quiet caddy:2.11.7",
        "build caddy:2.11.7 pypiserver:2.4.1",
    ]
    assert machine.run("setup/images").stderr == ""


def test_only_what_is_missing_is_built(machine: Machine) -> None:
    machine.write("registry", "")
    machine.write("daemon", "caddy:2.11.7\n")
    assert machine.run("setup/images").returncode == 0
    assert work(machine) == ["docker pull --quiet pypiserver:2.4.1", "build pypiserver:2.4.1"]


def test_our_own_images_are_built_from_what_can_be_pulled(with_ours: Machine) -> None:
    with_ours.write("registry", "caddy:2.11.7\nphp:8.4.28-fpm-alpine\n")
    done = with_ours.run("setup/images")
    assert done.returncode == 0
    assert f"Building {OURS}…\n" in done.stderr
    assert work(with_ours) == [
        "docker pull --quiet caddy:2.11.7",
        f"build {OURS}",
    ]
    assert with_ours.run("setup/images").stderr == ""
    assert work(with_ours) == []


def test_our_own_images_too_are_built_out_of_the_registrys_reach(with_ours: Machine) -> None:
    with_ours.write("registry", "")
    assert with_ours.run("setup/images").returncode == 0
    assert work(with_ours) == ["docker pull --quiet caddy:2.11.7", f"build caddy:2.11.7 {OURS}"]


def test_where_only_ours_is_missing_one_try_shows_the_registry_out_of_reach(
    with_ours: Machine,
) -> None:
    with_ours.write("registry", "")
    with_ours.write("daemon", "caddy:2.11.7\n")
    assert with_ours.run("setup/images").returncode == 0
    assert work(with_ours) == [f"build {OURS}", f"build {OURS}"]


def test_an_image_that_is_named_comes_alone(machine: Machine) -> None:
    assert machine.run("setup/images", "pypiserver:2.4.1").returncode == 0
    assert work(machine) == ["docker pull --quiet pypiserver:2.4.1"]


def test_a_build_that_fails_fails_with_its_words(machine: Machine) -> None:
    machine.write("registry", "")
    machine.has("build", "echo 'Go is needed.' >&2; exit 1", machine.root / "offline/images")
    done = machine.run("setup/images", "pypiserver:2.4.1")
    assert done.returncode == 1
    assert done.stderr.endswith("Go is needed.\n")


def test_no_daemon_gives_one_sentence(machine: Machine) -> None:
    machine.write("NO_DAEMON", "")
    done = machine.run("setup/images", DOCKER_HOST="unix:///some.sock")
    assert done.returncode == 1
    assert done.stderr == (
        "No Docker daemon answers at unix:///some.sock, which images are pulled to and built by.\n"
    )


def test_no_docker_command_gives_one_sentence(machine: Machine) -> None:
    (machine.programs / "docker").unlink()
    done = machine.run("setup/images")
    assert done.returncode == 1
    assert done.stderr.startswith("Docker's command line is missing: install it ")
