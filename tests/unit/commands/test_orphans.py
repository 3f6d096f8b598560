"""Plugins of an engine that was killed are ended by the next update, and no other process is."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from commands import orphans

PLUGIN = "import time; time.sleep(60)"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(orphans, "ROOT", tmp_path)
    for name in ("pulumi", "pulumi-resource-docker"):
        shutil.copy(shutil.which("sh") or "", tmp_path / name)
    return tmp_path


def plugin_of(folder: Path, engine: Path, cwd: Path) -> tuple[subprocess.Popen[bytes], int]:
    """An engine with a plugin: the process, and the plugin's number."""
    script = f"{folder}/pulumi-resource-docker -c 'sleep 60; :' & echo $!; wait"
    process = subprocess.Popen([engine, "-c", script], cwd=cwd, stdout=subprocess.PIPE)
    assert process.stdout
    return process, int(process.stdout.readline())


def is_alive(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_only_plugins_of_this_checkout_without_an_engine_are_ended(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path_factory.mktemp("other")
    here = [plugin_of(checkout, checkout / "pulumi", checkout) for _ in range(2)]
    there = plugin_of(checkout, checkout / "pulumi", other)
    for engine, _ in (here[0], there):
        engine.kill()
        engine.wait()
    try:
        orphans.end()
        time.sleep(0.2)
        assert [is_alive(number) for _, number in here] == [False, True]
        assert is_alive(there[1]), "another checkout's"
        assert is_alive(os.getpid())
        said = capsys.readouterr().out
        assert said == "ended what an interrupted update left running (1)\n"
        orphans.end()
        assert capsys.readouterr().out == ""
    finally:
        here[1][0].kill()
        for _, number in (*here, there):
            if is_alive(number):
                for process in (*psutil.Process(number).children(), psutil.Process(number)):
                    process.kill()
