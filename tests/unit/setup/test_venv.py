"""setup/venv: the Python packages, installed when they have to be and only then."""

from pathlib import Path

import pytest

from tests.unit.setup.machine import Machine, needs_root

# Makes a .venv with itself in it; its version and its modules are what the environment says.
PYTHON = """
case "$*" in
*version_info*) exit ${OLD-0} ;;
*ensurepip*) [[ ! -e NO_ENSUREPIP ]] ;;
"-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*"pip install"*) [[ ! -e NO_NETWORK ]] || { echo "ERROR: no network" >&2; exit 1; } ;;
esac
"""
DONE = "Installing the Python packages into .venv…"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.has("python3", PYTHON)
    machine.write("requirements.txt", "pulumi==3.255.0\n")
    machine.write("requirements-dev.txt", "pytest==9.0.1\n")
    machine.write("constraints.txt", "packaging==26.0\n")
    return machine


def installs(machine: Machine) -> list[str]:
    return [call for call in machine.calls() if "pip install" in call]


def test_it_installs_once(machine: Machine) -> None:
    done = machine.run("setup/venv")
    assert done.returncode == 0
    assert done.stderr.startswith(f"{DONE}\n{DONE[:-1]}: done in ")
    assert installs(machine) == [
        "python3 -m pip install --quiet --disable-pip-version-check "
        "-r requirements.txt -r requirements-dev.txt"
    ]
    assert machine.run("setup/venv").stderr == ""
    assert machine.calls() == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "constraints.txt"])
def test_a_changed_file_starts_anew(machine: Machine, name: str) -> None:
    machine.run("setup/venv")
    machine.calls()
    machine.write(".venv/left-over", "")
    machine.write(name, "pulumi==3.256.0\n")
    assert machine.run("setup/venv").returncode == 0
    assert len(installs(machine)) == 1
    assert not (machine.root / ".venv/left-over").exists()


def test_an_installation_that_failed_is_done_again(machine: Machine) -> None:
    machine.write("NO_NETWORK", "")
    failed = machine.run("setup/venv")
    assert failed.returncode != 0
    assert failed.stderr == f"{DONE}\nERROR: no network\n"
    (machine.root / "NO_NETWORK").unlink()
    machine.calls()
    assert machine.run("setup/venv").returncode == 0
    assert len(installs(machine)) == 1


def test_a_checkout_that_moved_starts_anew(machine: Machine) -> None:
    machine.run("setup/venv")
    machine.calls()
    machine.root = machine.root.rename(machine.root.parent / "elsewhere")
    assert machine.run("setup/venv").returncode == 0
    assert len(installs(machine)) == 1


def test_a_python_that_is_too_old_is_passed_over(machine: Machine) -> None:
    machine.has("python3", "exit 1")
    machine.has("python3.12", PYTHON)
    assert machine.run("setup/venv").returncode == 0
    assert "python3.12 -m venv .venv" in machine.calls()


def test_no_python_gives_one_sentence(machine: Machine) -> None:
    machine.has("python3", "exit 1")
    done = machine.run("setup/venv")
    assert done.returncode == 1
    assert done.stderr == "Python 3.11 or newer is missing: install it, then type the same again.\n"


def test_without_the_venv_module_it_says_what_to_type(machine: Machine) -> None:
    machine.write("NO_ENSUREPIP", "")
    done = machine.run("setup/venv")
    assert done.returncode == 1
    assert done.stderr == (
        "Python's venv module is missing: type `sudo apt-get install python3-venv`.\n"
    )


@needs_root
def test_root_gets_the_venv_module_by_apt(machine: Machine) -> None:
    machine.write("NO_ENSUREPIP", "")
    machine.has("apt-get", "[[ $1 != install ]] || rm NO_ENSUREPIP")
    done = machine.run("setup/venv")
    assert done.returncode == 0
    assert done.stderr.startswith("Installing python3-venv with apt…\n")
    apt = [call for call in machine.calls() if call.startswith("apt-get")]
    assert apt[0] == "apt-get update -qq"
    assert apt[1].endswith(" python3-venv")
