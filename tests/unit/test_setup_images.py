"""setup/images: every image on this machine's daemon, with one try at a registry out of reach."""

from pathlib import Path

import pytest

from tests.unit.machine import Machine

# A daemon whose images are the lines of a file, before a registry that has those of another.
DOCKER = """
case "$1 $2" in
"version ") [[ ! -e NO_DAEMON ]] ;;
"image inspect") shift 2; for image; do grep -qx "$image" daemon || exit 1; done ;;
"pull --quiet") grep -qx "$3" registry && echo "$3" >>daemon ;;
esac
"""
# What images/php/build does: it stands on an image of the registry.
BUILD_OURS = 'grep -qx php:8.4.28-fpm-alpine registry && echo "$1" >>daemon'
BUILD = 'for role; do sed -n "s/^$role: //p" config/images.yaml >>daemon; done'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.write("Pulumi.local.yaml", "config:\n  homeport:docker_host: unix:///some.sock\n")
    machine.write("Pulumi.prod.yaml", "config:\n  homeport:docker_host: ssh://root@example.org\n")
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
    machine.write(
        "config/images.yaml", "site: caddy:2.11.7\nphp: homeport/php:8.4.28-caddy2.11.7-1\n"
    )
    machine.has("build", BUILD_OURS, machine.root / "images/php")
    return machine


def work(machine: Machine) -> list[str]:
    return [call for call in machine.calls() if not call.startswith("docker image inspect")]


def test_each_image_is_pulled_once(machine: Machine) -> None:
    done = machine.run("setup/images", "local")
    assert done.returncode == 0
    assert "Pulling caddy:2.11.7…\n" in done.stderr
    assert work(machine) == [
        "docker pull --quiet caddy:2.11.7",
        "docker pull --quiet pypiserver:2.4.1",
    ]
    assert machine.run("setup/images", "local").stderr == ""
    assert work(machine) == []


def test_out_of_the_registrys_reach_all_are_built_after_one_try(machine: Machine) -> None:
    machine.write("registry", "")
    done = machine.run("setup/images", "local")
    assert done.returncode == 0
    assert "Building the images of: gateway site index…\n" in done.stderr
    assert work(machine) == ["docker pull --quiet caddy:2.11.7", "build gateway site index"]
    assert machine.run("setup/images", "local").stderr == ""


def test_only_what_is_missing_is_built(machine: Machine) -> None:
    machine.write("registry", "")
    machine.write("daemon", "caddy:2.11.7\n")
    assert machine.run("setup/images", "local").returncode == 0
    assert work(machine) == ["docker pull --quiet pypiserver:2.4.1", "build index"]


def test_our_own_images_are_built_from_what_can_be_pulled(with_ours: Machine) -> None:
    with_ours.write("registry", "caddy:2.11.7\nphp:8.4.28-fpm-alpine\n")
    done = with_ours.run("setup/images", "local")
    assert done.returncode == 0
    assert "Building homeport/php:8.4.28-caddy2.11.7-1…\n" in done.stderr
    assert work(with_ours) == [
        "docker pull --quiet caddy:2.11.7",
        "build homeport/php:8.4.28-caddy2.11.7-1",
    ]
    assert with_ours.run("setup/images", "local").stderr == ""
    assert work(with_ours) == []


def test_our_own_images_too_are_built_out_of_the_registrys_reach(with_ours: Machine) -> None:
    with_ours.write("registry", "")
    assert with_ours.run("setup/images", "local").returncode == 0
    assert work(with_ours) == ["docker pull --quiet caddy:2.11.7", "build site php"]


def test_where_only_ours_is_missing_one_try_shows_the_registry_out_of_reach(
    with_ours: Machine,
) -> None:
    with_ours.write("registry", "")
    with_ours.write("daemon", "caddy:2.11.7\n")
    assert with_ours.run("setup/images", "local").returncode == 0
    assert work(with_ours) == ["build homeport/php:8.4.28-caddy2.11.7-1", "build php"]


def test_the_stacks_own_daemon_gets_them(machine: Machine) -> None:
    machine.has("docker", "[[ $DOCKER_HOST == unix:///some.sock ]]")
    done = machine.run("setup/images", "local", DOCKER_HOST="unix:///another.sock")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stack_on_another_machine_takes_them_from_here(machine: Machine) -> None:
    assert machine.run("setup/images", "prod").returncode == 0
    assert "docker pull --quiet caddy:2.11.7" in work(machine)


def test_where_there_is_no_daemon_here_the_other_machine_pulls(machine: Machine) -> None:
    machine.write("NO_DAEMON", "")
    done = machine.run("setup/images", "prod")
    assert (done.returncode, done.stderr) == (0, "")
    assert work(machine) == ["docker version"]


def test_no_docker_command_gives_one_sentence(machine: Machine) -> None:
    (machine.programs / "docker").unlink()
    done = machine.run("setup/images", "local")
    assert done.returncode == 1
    assert done.stderr.startswith("Docker's command line is missing: install it ")
