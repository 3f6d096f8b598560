"""The stand-in for Pulumi's command plugin, by its own tests in its own language."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.e2e.checkout import ROOT


@pytest.mark.skipif(shutil.which("go") is None, reason="its tests are in Go, which isn't here")
def test_the_command_plugins_own_tests_pass() -> None:
    done = subprocess.run(
        ["go", "test", "./..."],
        cwd=ROOT / "offline/engine/command",
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
