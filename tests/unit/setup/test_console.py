"""setup/console: the console's packages, installed when they have to be and only then."""

from pathlib import Path

import pytest

from tests.unit.setup.machine import ROOT, Machine

FILES = {"console/requirements.txt": "starlette==1.10.0\n", "constraints.txt": "h11==0.16.0\n"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    python = '[[ ! -e NO_NETWORK ]] || { echo "ERROR: no network" >&2; exit 1; }'
    machine.has("python", python, machine.root / ".venv/bin")
    for name, text in FILES.items():
        machine.write(name, text)
    return machine


def test_it_installs_once(machine: Machine) -> None:
    done = machine.run("setup/console")
    assert done.returncode == 0
    assert done.stderr.startswith("Installing the console's packages into .venv…\n")
    assert machine.calls() == [
        "python -m pip install --quiet --disable-pip-version-check -r console/requirements.txt"
    ]
    assert machine.run("setup/console").stderr == ""
    assert machine.calls() == []


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_installs_again(machine: Machine, name: str) -> None:
    machine.run("setup/console")
    machine.calls()
    machine.write(name, "another==1.0\n")
    assert machine.run("setup/console").returncode == 0
    assert len(machine.calls()) == 1


def test_what_failed_is_tried_again(machine: Machine) -> None:
    machine.write("NO_NETWORK", "")
    failed = machine.run("setup/console")
    assert failed.returncode != 0
    assert "ERROR: no network" in failed.stderr
    (machine.root / "NO_NETWORK").unlink()
    assert machine.run("setup/console").returncode == 0


def test_the_stacks_own_packages_stay_in_their_versions() -> None:
    """The console's file pins no version that another file pins differently."""

    def pins(name: str) -> dict[str, str]:
        lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
        found = (line.partition("==")[::2] for line in lines if "==" in line)
        return {package.lower(): version for package, version in found}

    constraints = pins("constraints.txt")
    console = pins("console/requirements.txt")
    assert {"starlette", "uvicorn", "jinja2", "python-multipart"} <= set(console)
    assert {name: constraints.get(name, version) for name, version in console.items()} == console
