"""One run, before a restic that writes down how it was called."""

import json
import time
from pathlib import Path

import pytest
from backup import restic, sftp
from backup.plan import parse

from tests.unit.images.backup.stand_in import a_place, paths_of, ran

RESTIC = """\
#!/bin/sh
echo "$*" >>{folder}/calls
echo "$RESTIC_REPOSITORY $RESTIC_PASSWORD" >>{folder}/opened
case "$*" in
    *"cat config --no-lock")
        [ $(cat {folder}/silent) = 0 ] || exec sleep $(cat {folder}/silent)
        exit $(cat {folder}/config) ;;
    *backup*) cat {folder}/backup/left-out >{folder}/seen; exit 3 ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/pypi").mkdir(parents=True)
    return a_place(tmp_path, monkeypatch, RESTIC, {"pypi": {"without": ["x"]}})


def run(place: Path, command: str, config: int = 0, silent: int = 0) -> tuple[int, list[str]]:
    (place / "config").write_text(str(config))
    (place / "silent").write_text(str(silent))
    code, calls = ran(place, [command])
    plan = paths_of(place).plan
    assert not plan.exists(), "a container that nobody removes would hold its secrets"
    return code, calls


def test_a_snapshot_is_made_with_restics_own_exit_code(place: Path) -> None:
    code, calls = run(place, "save")
    assert code == 3
    assert calls == [
        "cat config --no-lock",
        "unlock",
        f"backup --host homeport-prod --group-by host --exclude-file {place}/backup/left-out "
        f"{place}/copies {place}/data/pypi",
    ]
    assert (place / "seen").read_text() == f"{place}/data/pypi/x\n{place}/copies/.coming\n"
    assert set((place / "opened").read_text().splitlines()) == {"rest:http://x/ s3cret"}


def test_a_repository_is_made_where_there_is_none(place: Path) -> None:
    assert run(place, "save", 10)[1][:2] == ["cat config --no-lock", "init"]


@pytest.mark.parametrize("code", [1, 11, 12])
def test_nothing_is_written_where_it_can_not_be_opened(place: Path, code: int) -> None:
    assert run(place, "save", code) == (code, ["cat config --no-lock"])


@pytest.mark.parametrize("command", ["save", "list"])
def test_a_server_that_does_not_answer_is_tried_for_a_while(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """For less than the quarter of an hour for which restic itself tries."""
    monkeypatch.setattr(restic, "_PATIENCE", 0.5)
    start = time.monotonic()
    assert run(place, command, silent=5) == (1, ["cat config --no-lock"])
    assert time.monotonic() - start < 3


def test_a_server_that_is_full_is_not_tried_again_and_has_the_last_word(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """restic itself would try for a quarter of an hour. Told to end, it gives its lock back."""
    full = "Save(<data/0e>) returned error, retrying after 1s: unexpected HTTP response (507)"
    (place / "bin/restic").write_text(
        "#!/bin/sh\n"
        f"case $* in *backup*) ;; *) exit 0 ;; esac\n"
        f"trap 'touch {place}/gave-back; echo interrupted; exit 130' INT\n"
        f"echo '{full}'; for _ in $(seq 100); do sleep 0.1; done\n"
    )
    start = time.monotonic()
    (place / "calls").touch()
    assert ran(place, ["save"])[0] == 28
    assert time.monotonic() - start < 5
    assert (place / "gave-back").exists()
    assert capfd.readouterr().out == f"{full}\n"


def test_over_sftp_a_key_and_a_known_host_are_files_that_ssh_is_told_of(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(sftp, "_MEMORY", memory)
    plan = json.loads(paths_of(place).plan.read_text())
    given = {"SFTP_KEY": "-----BEGIN\nkey\n-----END", "SFTP_KNOWN_HOST": "x.org ssh-ed25519 AA"}
    plan["environment"] |= given
    paths_of(place).plan.write_text(json.dumps(plan))
    _, calls = run(place, "list")
    for call in calls:
        assert f"--option sftp.args=-o IdentityFile={memory}/SFTP_KEY " in call
        assert f"-o UserKnownHostsFile={memory}/SFTP_KNOWN_HOST " in call
        assert "-o StrictHostKeyChecking=yes " in call
        assert "BEGIN" not in call
    assert (memory / "SFTP_KEY").read_text() == "-----BEGIN\nkey\n-----END\n"
    assert (memory / "SFTP_KEY").stat().st_mode & 0o777 == 0o600


def test_the_snapshots_of_this_stack_are_listed(place: Path) -> None:
    assert run(place, "list") == (
        0,
        ["cat config --no-lock", "snapshots --no-lock --host homeport-prod"],
    )


def test_no_secret_is_in_what_a_plan_is_shown_as(place: Path) -> None:
    assert "s3cret" not in repr(parse((place / "backup/plan.json").read_text()))
