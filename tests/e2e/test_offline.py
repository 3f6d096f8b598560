"""What offline/engine builds: the command plugin by its own tests, and what was left out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.checkout import ROOT

PULUMI = ROOT / ".engine/bin/pulumi"
LEFT_OUT = " is left out of this Pulumi, which was built where the official one can't be downloaded"

needs_ours = pytest.mark.skipif(
    LEFT_OUT.encode() not in (PULUMI.read_bytes() if PULUMI.exists() else b""),
    reason="this Pulumi is the official one, which has everything",
)


@pytest.mark.skipif(shutil.which("go") is None, reason="its tests are in Go, which isn't here")
def test_the_command_plugins_own_tests_pass() -> None:
    done = subprocess.run(
        # As the build calls it, so that what that compiled isn't compiled again.
        ["go", "test", "-trimpath", "./command/..."],
        cwd=ROOT / "offline/engine",
        env=os.environ | {"CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pulumi(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Pulumi for a project of its own, whose state is in its folder."""
    return subprocess.run(
        [PULUMI, *arguments, "--non-interactive"],
        cwd=project,
        env=os.environ
        | {
            "PULUMI_HOME": str(ROOT / ".engine"),
            "PULUMI_BACKEND_URL": f"file://{project}",
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "HOME": str(project),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    return tmp_path


@needs_ours
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("login s3://bucket", "a state at s3://"),
        ("login gs://bucket", "a state at gs://"),
        ("login azblob://bucket", "a state at azblob://"),
        ("login postgres://host/database", "a state at postgres://"),
        ("stack init a --secrets-provider awskms://a", "the secrets provider awskms://a"),
        ("stack init a --secrets-provider hashivault://a", "the secrets provider hashivault://a"),
        ("neo hello", "pulumi neo"),
        ("view-trace file", "pulumi view-trace"),
        ("convert-trace file", "pulumi convert-trace"),
    ],
)
def test_what_was_left_out_of_the_engine_says_so(project: Path, line: str, what: str) -> None:
    done = pulumi(project, *line.split())
    assert done.returncode != 0
    *_, told = done.stderr.strip().splitlines()
    assert told.startswith("error: ")
    assert f"{what}{LEFT_OUT}; for it, install the official one: https://" in told


@needs_ours
@pytest.mark.parametrize(
    ("resource", "what"),
    [
        ('BuildxBuilder("a")', "docker.BuildxBuilder"),
        ('RemoteImage("a", name="a:1", build={"context": "."})', "docker.RemoteImage with build"),
    ],
)
def test_what_was_left_out_of_the_docker_plugin_says_so(
    project: Path, resource: str, what: str
) -> None:
    (project / "__main__.py").write_text(f"import pulumi_docker as docker\ndocker.{resource}\n")
    (project / "Dockerfile").write_text("FROM scratch\n")
    assert pulumi(project, "stack", "init", "a").returncode == 0
    done = pulumi(project, "up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert f"{what}{LEFT_OUT}" in done.stdout + done.stderr
