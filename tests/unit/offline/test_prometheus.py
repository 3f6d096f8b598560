"""offline/images: Prometheus' page, which npm makes, and the name of its Go module's version."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from offline.images.prometheus import module_version
from offline.images.prometheus_page import add_page

Npm = Callable[[str], None]

EMBED = '//go:build builtinassets\n\npackage ui\n\nimport "embed"\n\n'
BUILDS = """case "$*" in *build_ui.sh*)
    mkdir -p static/mantine-ui/assets
    echo page >static/mantine-ui/index.html
    echo script >static/mantine-ui/assets/index.js ;;
esac"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "ui"
    folder.mkdir()
    (folder / "embed.go.tmpl").write_text(EMBED)
    return folder


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """What npm does, as a shell script."""

    def does(script: str) -> None:
        programs = tmp_path / "programs"
        programs.mkdir()
        (programs / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    return does


def test_the_page_is_compressed_and_named_to_go(sources: Path, npm: Npm) -> None:
    npm(BUILDS)
    assert add_page(sources)
    static = sources / "static/mantine-ui"
    assert gzip.decompress((static / "index.html.gz").read_bytes()) == b"page\n"
    assert gzip.decompress((static / "assets/index.js.gz").read_bytes()) == b"script\n"
    assert (sources / "embed.go").read_text() == (
        f"{EMBED}//go:embed static/mantine-ui/assets/index.js.gz static/mantine-ui/index.html.gz\n"
        "var EmbedFS embed.FS\n"
    )


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is missing")
def test_go_takes_the_page(sources: Path, npm: Npm) -> None:
    npm(BUILDS)
    assert add_page(sources)
    (sources / "go.mod").write_text("module example.org/ui\n\ngo 1.21\n")
    vet = ("go", "vet", "-tags", "builtinassets", ".")
    subprocess.run(vet, cwd=sources, check=True, env={**os.environ, "GOWORK": "off"})


def test_without_npm_one_sentence_says_what_is_left_out(
    sources: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(sources))
    assert not add_page(sources)
    assert capsys.readouterr().err == (
        "Prometheus' page is left out: it needs npm, of Node.js 20.19 or newer.\n"
    )


def test_where_npm_fails_its_reason_stands_before_the_sentence(
    sources: Path, npm: Npm, capsys: pytest.CaptureFixture[str]
) -> None:
    npm("echo no such package\nexit 1")
    assert not add_page(sources)
    reason, sentence = capsys.readouterr().err.splitlines()
    assert reason == "no such package"
    assert sentence.startswith("Prometheus' page is left out: pnpm install --frozen-lockfile ")
    assert sentence.endswith(" failed, as it says above.")
    assert not (sources / "embed.go").exists()


@pytest.mark.parametrize(
    ("minor", "patch", "version"), [("15", "0", "v0.315.0"), ("5", "14", "v0.305.14")]
)
def test_the_go_module_of_a_release(minor: str, patch: str, version: str) -> None:
    assert module_version(minor, patch) == version
