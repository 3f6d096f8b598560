"""Calling the engine: what it is given, and how a command that is interrupted ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from commands import pulumi_cli
from commands.context import Context
from commands.error import CommandError
from config import loading
from config.settings import ROOT

ENGINE = """#!/usr/bin/env bash
case " $* " in
*" export --show-secrets "*) cat >&2 "$FAKE/in_state"; [[ ! -s $FAKE/in_state ]] ;;
*" stack export "*) echo '{"deployment": {"resources": []}}' ;;
*" config --show-secrets "*) cat >&2 "$FAKE/said"; [[ ! -s $FAKE/said ]] ;;
*" preview "*)
    printf '%s\\n' "$@" >"$FAKE/arguments"
    trap 'sleep 1; touch "$FAKE/finished"; exit 1' INT
    touch "$FAKE/began"
    echo "$PULUMI_CONFIG_PASSPHRASE"
    while [[ -e $FAKE/waits ]]; do sleep 0.1; done
    ;;
esac
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that says how the engine that is found on PATH behaves, and what it did."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/pulumi"
    program.write_text(ENGINE)
    program.chmod(0o755)
    (tmp_path / "said").touch()
    (tmp_path / "in_state").touch()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(tmp_path))
    return tmp_path


def preview(**environment: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "commands", "preview", "--stack", "local", "--refresh", "1"]
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_an_interrupted_command_waits_until_the_engine_has_finished(engine: Path) -> None:
    (engine / "waits").touch()
    with preview() as process:
        until = time.monotonic() + 20
        while not (engine / "began").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert (engine / "finished").exists()


def test_a_preview_for_the_console_looks_at_the_host_first(engine: Path) -> None:
    with preview() as process:
        assert process.wait(timeout=20) == 0
    assert (engine / "arguments").read_text().splitlines()[:2] == ["preview", "--refresh"]


@pytest.mark.parametrize("said", ["", "error: no stack named 'prod' found"])
def test_a_passphrase_that_opens_the_secrets_is_kept(engine: Path, said: str) -> None:
    (engine / "said").write_text(said)
    assert pulumi_cli.unlocked(Context("prod", loading.of_files))["FAKE"] == str(engine)


@pytest.mark.parametrize("where", ["said", "in_state"])
def test_a_passphrase_that_opens_nothing_is_a_sentence(engine: Path, where: str) -> None:
    (engine / where).write_text("error: could not decrypt: incorrect passphrase")
    with pytest.raises(CommandError, match=r"that isn't the passphrase of stack prod"):
        pulumi_cli.unlocked(Context("prod", loading.of_files))


def test_what_opens_secrets_is_given_the_passphrase_of_the_terminal(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**os.environ, "PULUMI_CONFIG_PASSPHRASE": "typed"}
    monkeypatch.setattr(pulumi_cli, "_environment", lambda _: given)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    context = Context("prod", loading.of_files)
    assert pulumi_cli.capture(context, "preview") == "\n"
    assert pulumi_cli.capture(context, "preview", opens=True) == "typed\n"
    assert (engine / "began").exists()


def test_each_step_is_written_where_the_command_was_told(
    engine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pulumi_cli, "_environment", lambda _: dict(os.environ))
    given: Mapping[str, str] = {"steps": str(tmp_path / "steps")}
    context = Context("local", loading.of_files, given)
    assert pulumi_cli.told(context, "preview", known={}) == 0
    assert json.loads((tmp_path / "steps").read_text()) == {
        "changes": {},
        "seconds": 0,
        "planned": False,
    }
    assert str(engine) in os.environ["PATH"]
