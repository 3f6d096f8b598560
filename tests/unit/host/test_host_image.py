"""How an image comes to a host, before a real one: tests/e2e/test_official.py has those."""

from __future__ import annotations

from pathlib import Path

import pytest

from host import engine
from host.host_image import HostImageProvider

REF = "prom/prometheus:v3.15.0"
HOST = "unix:///some.sock"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose Docker host has no image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "connect", lambda *_, **__: object())
    monkeypatch.setattr(engine, "has_image", lambda *_: False)
    (tmp_path / "setup").mkdir()
    return tmp_path


def has_script(checkout: Path, *lines: str) -> None:
    script = checkout / "setup/images"
    script.write_text("\n".join(("#!/bin/sh", *lines)))
    script.chmod(0o755)


def bring(docker_host: str = HOST, ref: str = REF) -> None:
    HostImageProvider().apply({"docker_host": docker_host, "ref": ref})


def test_this_machines_host_has_it_pulled_or_built_there(
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    has_script(checkout, 'echo "$DOCKER_HOST $*"')
    bring()
    assert capfd.readouterr() == ("", "")
    log = checkout / ".engine/output/image-prom-prometheus:v3.15.0.log"
    assert log.read_text() == f"{HOST} {REF}\n"


def test_where_no_way_works_the_last_words_say_why(checkout: Path) -> None:
    has_script(checkout, "echo Pulling…", "echo 'Go is needed.' >&2", "exit 1")
    with pytest.raises(engine.EngineError) as caught:
        bring()
    assert str(caught.value) == (
        f"image {REF} is not on the host, and can neither be pulled nor built: Go is needed. "
        "(.engine/output/image-prom-prometheus:v3.15.0.log has all of it)"
    )


OURS = "homeport/php:8.4.28-caddy2.11.7-2"


def test_over_ssh_both_reasons_are_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody.sock")
    has_script(checkout, "echo 'No Docker daemon answers.' >&2", "exit 1")
    with pytest.raises(engine.EngineError, match=r"answers\. .*; the host itself: it is in no reg"):
        bring("ssh://root@example.org", OURS)


def test_an_image_that_was_built_and_cannot_be_handed_on_is_no_success(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nobody.sock")
    has_script(checkout, "exit 0")
    with pytest.raises(engine.EngineError, match="set DOCKER_HOST"):
        bring("ssh://root@example.org", OURS)
