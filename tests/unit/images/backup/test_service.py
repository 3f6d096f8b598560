"""The service: what it does at each step, before a restic and a vault that stand in."""

import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from backup import figures, vault
from backup.job import read_job
from backup.notes import Notes
from backup.service import Places, Service

from tests.unit.vault_snapshots import a_snapshot

# What each command prints and ends with stands in a file by its name.
RESTIC = """\
#!/bin/sh
for word in cat init unlock snapshots forget check backup ls; do
    case " $* " in *" $word "*)
        echo $word >>{folder}/calls
        echo "$*" >>{folder}/words
        cat {folder}/says-$word 2>/dev/null
        exit $(cat {folder}/ends-$word 2>/dev/null || echo 0)
    esac
done
"""
NOW = 1_800_000_000.0
DAY = 86400
PASSWORD, SECRET_ID = "s3cret-password", "s3cret-id"


@dataclass
class Stage:
    folder: Path
    places: Places
    told: figures.Told = field(default_factory=figures.Told)
    now: float = NOW

    def says(self, command: str, *lines: object, code: int = 0) -> None:
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (self.folder / f"says-{command}").write_text(text)
        (self.folder / f"ends-{command}").write_text(f"{code}\n")

    def step(self, after: float = 0) -> list[str]:
        """One step; what restic was called for."""
        self.now += after
        calls = self.folder / "calls"
        calls.write_text("")
        self.service.step()
        return calls.read_text().split()

    def plan(self, **more: object) -> None:
        plan: dict[str, Any] = {
            "host": "homeport-prod",
            "environment": {"RESTIC_REPOSITORY": "rest:http://x/", "RESTIC_PASSWORD": PASSWORD},
            "sources": [],
            "at": "03:17",
            "vault": {},
            "verify": "5%",
            "prunes": True,
            "keep": {"daily": "14d", "weekly": "2m"},
            **more,
        }
        self.places.plan.write_text(json.dumps(plan))

    def figure(self, name: str) -> float:
        (line,) = [x for x in self.told.text.splitlines() if x.startswith(f"backup_{name} ")]
        return float(line.split()[1])

    def __post_init__(self) -> None:
        self.service = Service(self.places, self.told, clock=lambda: self.now)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in ("bin", "copies/stack", "state"):
        (tmp_path / name).mkdir(parents=True)
    program = tmp_path / "bin/restic"
    program.write_text(RESTIC.format(folder=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    found = Stage(
        tmp_path,
        Places(
            plan=tmp_path / "plan.json",
            copies=tmp_path / "copies",
            left_out=tmp_path / "state/left-out",
            state=tmp_path / "state",
        ),
    )
    found.plan()
    return found


def snapshot(time: str, size: int) -> dict[str, Any]:
    return {"time": time, "summary": {"total_bytes_processed": size}}


SNAPSHOTS = [
    snapshot("2026-03-02T03:17:00.123456789Z", 1000),
    snapshot("2026-03-01T03:17:00Z", 3000),
]
RUN = ["cat", "unlock", "backup", "cat", "snapshots"]
WEEKLY = ["cat", "unlock", "backup", "forget", "check", "cat", "snapshots"]
FIRST = [*WEEKLY[:-2], "ls", *WEEKLY[-2:]]


def test_a_run_is_followed_by_a_look_and_then_there_is_silence(stage: Stage) -> None:
    stage.says("snapshots", SNAPSHOTS)
    assert stage.step() == FIRST
    assert stage.step(60) == []
    assert stage.figure("last_run_timestamp_seconds") == NOW
    assert stage.figure("last_run_exit_code") == 0
    assert stage.figure("newest_snapshot_timestamp_seconds") == pytest.approx(1772421420.123, abs=1)
    assert stage.figure("newest_snapshot_bytes") == 1000
    assert stage.figure("snapshot_before_bytes") == 3000
    assert stage.step(3600) == ["cat", "snapshots"]
    assert stage.step(DAY) == RUN


def test_what_it_knows_outlives_its_container(stage: Stage) -> None:
    stage.says("snapshots", SNAPSHOTS)
    stage.step()
    again = Stage(stage.folder, stage.places, now=stage.now + 10)
    assert again.step() == ["cat", "snapshots"]
    assert again.figure("last_run_timestamp_seconds") == NOW


def test_a_repository_that_was_emptied_has_no_newest_snapshot(stage: Stage) -> None:
    stage.says("snapshots", SNAPSHOTS)
    stage.step()
    stage.says("snapshots", [])
    stage.step(3600)
    assert stage.figure("newest_snapshot_timestamp_seconds") == 0
    stage.says("snapshots", SNAPSHOTS)
    stage.step(3600)
    stage.says("cat", code=10)
    stage.step(3600)
    assert stage.figure("newest_snapshot_timestamp_seconds") == 0


def test_a_server_that_is_away_leaves_what_is_known_and_is_tried_hourly(stage: Stage) -> None:
    stage.says("snapshots", SNAPSHOTS)
    stage.step()
    known = stage.figure("newest_snapshot_timestamp_seconds")
    stage.says("cat", code=1)
    assert stage.step(DAY) == ["cat", "cat"]
    assert stage.figure("last_run_exit_code") == 1
    assert stage.figure("newest_snapshot_timestamp_seconds") == known
    assert "backup" not in stage.step(3599)
    stage.says("cat", code=0)
    assert stage.step(1) == RUN


# What keeps the repository well


def test_once_a_week_what_is_too_old_goes_and_a_share_is_read_back(stage: Stage) -> None:
    assert stage.step() == FIRST
    words = (stage.folder / "words").read_text()
    assert (
        "forget --host homeport-prod --group-by host --keep-within-daily=14d "
        "--keep-within-weekly=2m --prune\n" in words
    )
    assert "check --read-data-subset=5%\n" in words
    assert [stage.step(DAY + late) for late in (3, -2, 0, 1, -3, 0)] == [RUN] * 6
    assert stage.step(DAY - 4) == WEEKLY, "some seconds early, as runs are"


def test_where_another_credential_deletes_the_host_never_does(stage: Stage) -> None:
    stage.plan(prunes=False)
    for _ in range(20):
        assert "forget" not in stage.step(DAY)


def test_a_check_that_failed_is_told_and_made_again_each_day_until_all_is_well(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.says("check", {"message_type": "error", "message": "pack 16f7\n is broken"}, code=1)
    stage.step()
    assert "\npack 16f7 is broken\nthe check ended with 1\n" in capfd.readouterr().err
    assert stage.figure("check_failed") == 1
    assert stage.figure("last_good_check_timestamp_seconds") == NOW, "since when all began"
    assert "check" in stage.step(DAY)
    stage.says("check")
    stage.step(DAY)
    assert stage.figure("check_failed") == 0
    assert stage.figure("last_good_check_timestamp_seconds") == stage.now
    assert "check" not in stage.step(DAY)


@pytest.mark.parametrize("fault", ["locked", "full", "killed"])
def test_a_check_that_saw_nothing_says_nothing_of_the_repository(stage: Stage, fault: str) -> None:
    stage.step()
    if fault == "locked":
        stage.says("check", code=11)
    elif fault == "full":
        stage.says("check", code=28)
    else:  # as by the kernel, for lack of memory
        stage.says("check")
        (stage.folder / "ends-check").write_text("$(kill -9 $$)\n")
        restic = stage.folder / "bin/restic"
        restic.write_text(restic.read_text().replace("exit $(cat", "eval exit $(cat"))
    stage.step(7 * DAY)
    assert stage.figure("check_failed") == 0
    assert stage.figure("last_good_check_timestamp_seconds") == NOW
    assert "check" in stage.step(DAY)


def test_once_a_month_a_restore_is_tried_and_each_day_while_it_fails(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.step()
    assert "the trial restore ended with 0\n" in capfd.readouterr().err
    assert ["ls" in stage.step(DAY) for _ in range(30)] == [False] * 29 + [True]
    good = stage.now
    stage.says("ls", code=1)
    stage.step(30 * DAY)
    assert stage.figure("drill_failed") == 1
    assert stage.figure("last_good_drill_timestamp_seconds") == good
    assert "ls" in stage.step(DAY)
    stage.says("ls", code=11)
    stage.step(DAY)
    assert stage.figure("drill_failed") == 1, "somebody else was at work, and nothing was tried"
    stage.says("ls")
    stage.step(DAY)
    assert stage.figure("drill_failed") == 0
    assert stage.figure("last_good_drill_timestamp_seconds") == stage.now


def test_nothing_is_removed_after_a_run_that_failed(stage: Stage) -> None:
    stage.says("backup", code=1)
    assert stage.step() == ["cat", "unlock", "backup", "cat", "snapshots"]


def test_what_could_not_be_read_is_counted_until_all_is_read(stage: Stage) -> None:
    errors = [
        {"message_type": "error", "item": f"/data/{name}", "error": {"message": "denied"}}
        for name in "ab"
    ]
    stage.says("backup", *errors, code=3)
    stage.step()
    assert (stage.figure("unread"), stage.figure("last_run_exit_code")) == (2, 3)
    stage.says("backup", code=3)
    stage.step(DAY)
    assert stage.figure("unread") == 1, "restic named none, and says so by its code"
    stage.says("backup", code=1)
    stage.step(DAY)
    assert stage.figure("unread") == 1, "of the last snapshot that there is"
    stage.says("backup")
    stage.step(DAY)
    assert stage.figure("unread") == 0


def test_no_run_begins_while_images_are_removed(stage: Stage) -> None:
    held = stage.places.state / "registry-gc"
    held.touch()
    stage.now = held.stat().st_mtime
    assert "backup" not in stage.step()
    assert "backup" not in stage.step(5 * 3600)
    held.unlink()
    assert "backup" in stage.step()


def test_who_was_killed_while_it_removed_images_keeps_no_run_for_long(stage: Stage) -> None:
    held = stage.places.state / "registry-gc"
    held.touch()
    stage.now = held.stat().st_mtime
    assert "backup" in stage.step(6 * 3600)


def test_the_log_has_what_went_wrong_and_no_secret(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.says("backup", {"message_type": "exit_error", "message": f"no {PASSWORD}"}, code=12)
    stage.step()
    assert capfd.readouterr().err == "no …\nthe run ended with 12\n"
    assert PASSWORD not in repr(read_job(stage.places.plan))


# The vault's snapshot


class Answers(BaseHTTPRequestHandler):
    content = a_snapshot()

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = given == {"role_id": "role", "secret_id": SECRET_ID}
        self.answer(200 if right else 400, json.dumps({"auth": {"client_token": "t"}}).encode())

    def do_GET(self) -> None:
        self.answer(200 if self.headers["X-Vault-Token"] == "t" else 403, self.content)

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def vault_at() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_vaults_snapshot_is_saved_and_goes_with_the_vault(stage: Stage, vault_at: str) -> None:
    file = stage.places.copies / "vault/vault.snap"
    stage.plan(vault={"url": vault_at, "role_id": "role", "secret_id": SECRET_ID})
    stage.step()
    assert file.read_bytes() == Answers.content
    assert stage.figure("unread") == 0
    stage.plan()
    stage.step(DAY)
    assert not file.exists()


@pytest.mark.parametrize("fault", ["login", "broken", "away"])
def test_a_vault_that_gives_none_holds_nothing_else_back_and_is_told(
    stage: Stage,
    vault_at: str,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    login = {"url": vault_at, "role_id": "role", "secret_id": SECRET_ID}
    stage.plan(vault=login)
    stage.step()
    file = stage.places.copies / "vault/vault.snap"
    before = file.read_bytes()
    if fault == "login":
        stage.plan(vault=login | {"secret_id": "s3cret-other"})
    elif fault == "away":
        stage.plan(vault=login | {"url": "http://127.0.0.1:9"})
    else:
        monkeypatch.setattr(Answers, "content", before[:-20])
    assert stage.step(DAY) == RUN
    assert (stage.figure("unread"), stage.figure("last_run_exit_code")) == (1, 3)
    assert file.read_bytes() == before, "an older one is better than none"
    said = capfd.readouterr().err
    assert "the vault" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("content", [b"", b"no archive", a_snapshot()[:-9]])
def test_a_broken_snapshot_is_none(content: bytes) -> None:
    assert not vault.is_whole(content)


# The figures


def test_the_figures_are_what_prometheus_reads_at_their_port() -> None:
    told = figures.Told(figures.text(Notes(unread=3)))
    server = figures.tell(told, 0)
    try:
        at = f"http://127.0.0.1:{server.server_port}"
        text = requests.get(f"{at}/metrics", timeout=5).text
        assert "# TYPE backup_unread gauge\nbackup_unread 3\n" in text
        assert requests.get(f"{at}/", timeout=5).status_code == 404
    finally:
        server.shutdown()
        server.server_close()
