"""The health check of every service, run by a real shell."""

import subprocess
from pathlib import Path

import pytest

from host.container import health_script

# Neither may happen in a test, so both are written down instead.
NOTED = "sleep() { echo sleep $* >>calls; }; kill() { echo kill $* >>calls; }\n"
Check = tuple[int, list[str]]
"""The exit code of one check, and its sleeps and kills."""


def run(script: str, folder: Path, shell: str = "sh") -> int:
    """The exit code of a health check that keeps its marks in `folder`. It prints nothing."""
    argv = [shell, "-c", script.replace("/tmp/", "")]  # noqa: S108 - in the container
    done = subprocess.run(argv, check=False, cwd=folder, capture_output=True, timeout=5)
    assert done.stdout + done.stderr == b""
    return done.returncode


class Service:
    """A service that serves while a file is there, and its health check."""

    def __init__(self, folder: Path, shell: str, *, kill: bool) -> None:
        self.folder, self.shell = folder, shell
        self.script = NOTED + health_script("[ -e serving ]", kill=kill)

    def check(self, *, serves: bool) -> Check:
        calls, serving = self.folder / "calls", self.folder / "serving"
        calls.write_text("")
        serving.touch()
        if not serves:
            serving.unlink()
        return run(self.script, self.folder, self.shell), calls.read_text().splitlines()


@pytest.fixture(params=["sh", "bash"])
def always(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    """A service that is brought back when it ends."""
    return Service(tmp_path, request.param, kill=True)


@pytest.fixture(params=["sh", "bash"])
def never(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    """A service that nobody would bring back."""
    return Service(tmp_path, request.param, kill=False)


HEALTHY: Check = (0, [])
HEALTHY_LATER: Check = (0, ["sleep 20"])
FAILED_AT_FIRST: Check = (1, ["sleep 20"])
FAILED: Check = (1, [])
KILLED: Check = (1, ["kill -9 -1"])


def test_the_first_success_comes_without_a_wait_and_later_ones_slowly(always: Service) -> None:
    assert always.check(serves=True) == HEALTHY
    assert always.check(serves=True) == HEALTHY_LATER
    assert always.check(serves=True) == HEALTHY_LATER


def test_a_slow_start_is_never_killed(always: Service) -> None:
    for _ in range(5):
        assert always.check(serves=False) == FAILED
    assert always.check(serves=True) == HEALTHY


def test_two_failures_in_a_row_after_a_success_kill_and_the_second_comes_at_once(
    always: Service,
) -> None:
    always.check(serves=True)
    assert always.check(serves=False) == FAILED_AT_FIRST
    assert always.check(serves=False) == KILLED


def test_a_single_failure_kills_nothing(always: Service) -> None:
    always.check(serves=True)
    for _ in range(3):
        assert always.check(serves=False) == FAILED_AT_FIRST
        assert always.check(serves=True) == HEALTHY


def test_a_service_that_failed_before_its_first_success_is_not_killed_for_that(
    always: Service,
) -> None:
    always.check(serves=False)
    always.check(serves=True)
    assert always.check(serves=False) == FAILED_AT_FIRST


def test_without_a_restart_it_only_reports(never: Service) -> None:
    assert never.check(serves=True) == HEALTHY
    assert never.check(serves=False) == FAILED_AT_FIRST
    for _ in range(3):
        assert never.check(serves=False) == FAILED


@pytest.mark.parametrize("probe", ["sleep 60", "no-such-command", "echo noise; exit 3"])
def test_a_probe_that_hangs_is_missing_or_fails_is_a_failure(tmp_path: Path, probe: str) -> None:
    assert run(health_script(probe, kill=True).replace("timeout 5", "timeout 0.2"), tmp_path) == 1


def test_a_probe_may_have_quotes_of_its_own(tmp_path: Path) -> None:
    probe = """[ "a b" = 'a b' ] && [ "$(echo 'x"y')" = 'x"y' ]"""
    assert run(health_script(probe, kill=True), tmp_path) == 0
