"""activate, the Makefile and setup/test-tools: what a person's shell gets."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.setup.machine import ROOT, Machine, needs_root

PULUMI = "PULUMI_BACKEND_URL PULUMI_CONTINUE_ON_ERROR PULUMI_HOME PULUMI_SKIP_UPDATE_CHECK"
SHELLS = [
    "bash",
    pytest.param(
        "zsh",
        marks=pytest.mark.skipif(
            not shutil.which("zsh"), reason="zsh is missing: `make test` installs it"
        ),
    ),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    (root / ".engine/plugins").mkdir(parents=True)
    (root / ".venv").mkdir()
    (root / ".venv/stamp").touch()
    shutil.copy(ROOT / "activate", root)
    return root


def shell(name: str, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [name, "-uc", script],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def activated(name: str, script: str, **env: str) -> dict[str, str]:
    """The environment after a script that says nothing."""
    done = shell(name, f"{script} && env", **env)
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", SHELLS)
def test_activate_gives_the_environment(checkout: Path, name: str) -> None:
    env = activated(name, f". '{checkout}/activate'")
    assert env["PATH"] == (
        f"{checkout}/bin:{checkout}/.venv/bin:{checkout}/.engine/bin:/usr/bin:/bin"
    )
    assert {key: env[key] for key in PULUMI.split()} == {
        "PULUMI_BACKEND_URL": f"file://{checkout}/.state",
        "PULUMI_CONTINUE_ON_ERROR": "true",
        "PULUMI_HOME": f"{checkout}/.engine",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    assert (checkout / ".state").is_dir()


@pytest.mark.parametrize("name", SHELLS)
def test_activate_works_from_the_checkout_itself(checkout: Path, name: str) -> None:
    env = activated(name, f"cd '{checkout}' && . ./activate")
    assert env["PULUMI_HOME"] == f"{checkout}/.engine"


@pytest.mark.parametrize("name", SHELLS)
def test_activating_twice_changes_nothing(checkout: Path, name: str) -> None:
    once = activated(name, f". '{checkout}/activate'")
    twice = activated(name, f". '{checkout}/activate' && . '{checkout}/activate'")
    del once["_"], twice["_"]
    assert once == twice


@pytest.mark.parametrize("name", SHELLS)
def test_the_wrapper_comes_first_again(checkout: Path, name: str) -> None:
    path = f"/other/bin:{checkout}/.venv/bin:{checkout}/bin:/usr/bin:/bin"
    env = activated(name, f". '{checkout}/activate'", PATH=path)
    assert env["PATH"] == (
        f"{checkout}/bin:{checkout}/.venv/bin:{checkout}/.engine/bin:/other/bin:/usr/bin:/bin"
    )


@pytest.mark.parametrize("name", SHELLS)
def test_a_backend_of_the_persons_own_is_respected(checkout: Path, name: str) -> None:
    env = activated(name, f". '{checkout}/activate'", PULUMI_BACKEND_URL="s3://theirs")
    assert env["PULUMI_BACKEND_URL"] == "s3://theirs"


@pytest.mark.parametrize("name", SHELLS)
def test_another_checkouts_state_is_never_used(checkout: Path, tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(checkout, other)
    env = activated(name, f". '{other}/activate' && . '{checkout}/activate'")
    assert env["PULUMI_BACKEND_URL"] == f"file://{checkout}/.state"


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("missing", [".venv/stamp", ".engine/plugins"])
def test_before_the_set_up_it_says_what_to_type(checkout: Path, name: str, missing: str) -> None:
    (checkout / missing).rename(checkout / "elsewhere")
    done = shell(name, f". '{checkout}/activate' || exit 3")
    assert done.returncode == 3
    assert done.stderr == f"Run `make setup` in {checkout} first.\n"


def make(*arguments: str) -> list[str]:
    """What `make` prints, whichever `make` these tests themselves run under."""
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


TARGETS = (
    "up preview console drift outdated down purge status logs user users registry-gc backup-key "
    "backup backups backup-prune restore restore-state ca trust vault-key vault-snapshot "
    "vault-restore vault-reset check test drill bench format setup"
)


def test_bare_make_lists_the_targets() -> None:
    assert [line.split()[:2] for line in make()] == [["make", target] for target in TARGETS.split()]


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Runs `make`, and what it ran: the command line of each program, word by word."""
    calls = tmp_path / "calls"
    words = f'printf "%s\\0" "${{0##*/}}" "$@" >>"{calls}"'
    record = f'#!/bin/bash\n{words}\necho >>"{calls}"\n'
    shutil.copy(ROOT / "Makefile", tmp_path)
    for program in ("activate", "setup/venv", "setup/engine", "setup/docker", "setup/images"):
        file = tmp_path / program
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'PATH="{tmp_path}/bin:$PATH"' if program == "activate" else record)
        file.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(record)
    (tmp_path / "bin/python").chmod(0o755)

    def run(*arguments: str) -> list[list[str]]:
        calls.write_text("")
        subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            check=True,
            capture_output=True,
        )
        return [line.split("\0")[:-1] for line in calls.read_text().split("\n")[:-1]]

    return run


@pytest.mark.parametrize("command", ["up", "preview", "down", "purge", "status", "ca", "trust"])
def test_a_target_acts_on_local_unless_told(
    recorded: Callable[..., list[list[str]]], command: str
) -> None:
    run = ["python", "-m", "commands", command, "--stack"]
    assert recorded(command)[-1] == [*run, "local"]
    assert recorded(command, "STACK=prod")[-1] == [*run, "prod"]


ODD = 'a\'b "c" $HOME `id` $(id) $$ \\ ;&|<>*?~#'


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        (["logs", f"NAME={ODD}"], ["logs", "--stack", "local", f"--name={ODD}"]),
        (
            ["user", "NAME=ada"],
            ["user", "--stack", "local", "--name=ada", "--file=", "--registry="],
        ),
        (
            ["user", f"FILE={ODD}", "REGISTRY=write", f"STACK={ODD}"],
            ["user", "--stack", ODD, "--name=", f"--file={ODD}", "--registry=write"],
        ),
        (["users", "STACK=prod"], ["users", "--stack", "prod"]),
        (["registry-gc", "KEEP=3"], ["registry-gc", "--stack", "local", "--keep=3"]),
    ],
)
def test_a_target_hands_on_what_it_is_told_as_data(
    recorded: Callable[..., list[list[str]]], typed: list[str], run: list[str]
) -> None:
    assert recorded(*typed)[-1] == ["python", "-m", "commands", *run]


def test_up_prepares_in_order(recorded: Callable[..., list[list[str]]]) -> None:
    assert recorded("up")[:-1] == [["venv"], ["engine"], ["docker", "local"]]


TEST_TOOLS = ("sshd", "ssh", "ip", "ps", "curl", "zsh", "openssl", "mkfs.ext4", "chromium")
MAKES_AN_ENVIRONMENT = 'mkdir -p $3/bin; printf "#!/bin/sh" >$3/bin/pip; chmod +x $3/bin/pip'


@needs_root
def test_missing_test_tools_are_installed_by_apt(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in (*TEST_TOOLS, "apt-get"):
        machine.has(name)
    # By the package's last name, without its version.
    builds = 'shift; for each; do each=${each##*/}; cp "$0" "$GOBIN/${each%@*}"; done'
    machine.has("go", builds)
    machine.has("python3", MAKES_AN_ENVIRONMENT)
    machine.write("tests/e2e/clients.txt", "twine==1\n")
    machine.write("tests/e2e/browser.txt", "playwright==1\n")
    machine.has("npm")
    machine.write("console/editor/package.json", "{}")
    machine.write("console/editor/package-lock.json", "{}")
    (machine.root / ".engine/tools").mkdir(parents=True)
    said = machine.run("setup/test-tools").stderr
    assert said.startswith("Building Pebble v")
    assert "\nBuilding gofakes3 v" in said
    assert "\nInstalling twine, uv and Poetry: done in " in said
    assert "\nInstalling Playwright and axe: done in " in said
    assert [call.split()[:2] for call in machine.calls()] == [
        ["go", "install"],
        ["go", "install"],
        ["python3", "-m"],
        ["python3", "-m"],
        ["npm", "ci"],
    ]
    machine.log.write_text("")
    assert machine.run("setup/test-tools").stderr == ""
    assert machine.calls() == []
    (machine.programs / "curl").unlink()
    (machine.programs / "zsh").unlink()
    assert machine.run("setup/test-tools").stderr.startswith("Installing curl zsh with apt…\n")
    assert machine.calls()[1].endswith(" curl zsh")


def test_without_root_it_says_which_test_tools_are_missing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for name in TEST_TOOLS:
        machine.has(name)
    (machine.programs / "zsh").unlink()
    machine.has("python3", MAKES_AN_ENVIRONMENT)
    machine.write("tests/e2e/clients.txt", "twine==1\n")
    machine.write("tests/e2e/browser.txt", "playwright==1\n")
    done = machine.run("setup/test-tools")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "Some tests will be skipped: they need zsh.\n"
        "The tests of ACME will be skipped: they need Go.\n"
        "The tests of S3 will be skipped: they need Go.\n"
        "Installing twine"
    )
