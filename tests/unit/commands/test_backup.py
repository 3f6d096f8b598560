"""`make backup`, `backups` and `backup-key`: what is said, and what isn't."""

import json
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import at_work, backup, backup_key
from commands.backup_words import Heard, Named, age, done, ending, proofs, rows
from commands.context import Context
from commands.error import CommandError
from config import loading
from tests.unit.program import own_config

PASSWORD = "p" * 20
NAMED = Named(repository="rest:http://x/", backup="make backup STACK=prod", credential="env")
AT = "homeport:backup.repository (rest:http://x/)"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def heard(*lines: object, secrets: tuple[str, ...] = ()) -> tuple[Heard, list[str]]:
    """What was said of lines that came three seconds one after the other."""
    said: list[str] = []
    seconds = iter(range(0, 3000, 3))
    listening = Heard(say=said.append, clock=lambda: next(seconds), secrets=secrets)
    for line in lines:
        listening.take(line if isinstance(line, str) else json.dumps(line))
    return listening, said


def status(percent: float) -> dict[str, object]:
    total = 200 * 2**20
    return {
        "message_type": "status",
        "percent_done": percent,
        "total_bytes": total,
        "bytes_done": int(total * percent),
    }


def test_progress_is_told_every_five_seconds() -> None:
    _, said = heard(*(status(part / 10) for part in range(6)))
    assert said == ["20%: 40.0 MiB of 200.0 MiB", "40%: 80.0 MiB of 200.0 MiB"]


def test_a_new_repository_is_told() -> None:
    assert heard({"message_type": "initialized", "id": "0a"})[1] == ["made a new repository"]


def test_a_person_sees_when_the_repository_was_last_found_well_and_data_came_back() -> None:
    now = datetime(2026, 3, 2, 4, tzinfo=UTC)
    notes = {"checked": now.timestamp() - 2 * 86400, "damaged": 0, "drilled": 0, "drill_failed": 1}
    assert proofs(notes, now) == [
        "last good check: 2 d ago",
        "last good trial restore: never; the last one failed (docs/runbooks/RestoreUntested.md)",
    ]


def test_the_end_of_a_run_says_what_was_saved() -> None:
    summary = {
        "message_type": "summary",
        "snapshot_id": "0a1b2c3d4e5f",
        "total_bytes_processed": 45 * 2**20,
        "data_added": 3 * 2**19,
    }
    assert done(heard(summary)[0].summary) == (
        "saved snapshot 0a1b2c3d: 45.0 MiB, of which 1.5 MiB are new"
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (1, f"{AT} can't be used: unable to open config file: no such host"),
        (10, f"there is no repository at {AT} yet; `make backup STACK=prod` makes it"),
        (
            11,
            f"{AT} is locked by somebody who removes or checks snapshots; try again when they have "
            "ended",
        ),
        (
            12,
            f"homeport:backup.password doesn't open {AT}; set the password that it was made with, "
            "or name another repository",
        ),
    ],
)
def test_restics_exit_codes_are_sentences(code: int, sentence: str) -> None:
    last = {
        "message_type": "exit_error",
        "code": code,
        "message": "Fatal: unable to open config file:\nno such host",
    }
    assert ending(code, heard(last)[0], NAMED) == sentence


def test_what_was_tried_in_vain_is_said_without_restics_own_words() -> None:
    line = 'Stat(<config/>) returned error, retrying after 1.66s: Head "http://x/": no such host'
    assert ending(1, heard(line)[0], NAMED) == (
        f'{AT} can\'t be used: Head "http://x/": no such host'
    )


def test_a_credential_that_the_server_refuses_is_told_with_its_setting() -> None:
    last = {
        "message_type": "exit_error",
        "code": 1,
        "message": "Fatal: unable to open config file: unexpected HTTP response (401): 401 "
        "Unauthorized\nIs there a repository at the following location?\nrest:http://x/",
    }
    assert ending(1, heard(last)[0], NAMED) == (
        f"{AT} can't be used: unable to open config file: unexpected HTTP response (401): 401 "
        "Unauthorized; set homeport:backup.env to what opens the server"
    )


def test_over_sftp_the_last_word_is_that_of_ssh() -> None:
    last = {
        "message_type": "exit_error",
        "message": "Fatal: unable to open repository at sftp:a@b:/c: unable to start the sftp "
        "session, error: unexpected EOF",
    }
    assert ending(1, heard("subprocess ssh: Host key verification failed.", last)[0], NAMED) == (
        f"{AT} can't be used: Host key verification failed; set homeport:backup.env to what opens "
        "the server"
    )
    unheard = ending(1, heard(last)[0], NAMED)
    assert unheard.endswith(
        "unexpected EOF; restic ended before it handed on what ssh said, so try again to read it"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "Save(<data/0edf>) returned error, retrying after 1s: unexpected HTTP response (507): "
            "507 Insufficient Storage",
            "unexpected HTTP response (507): 507 Insufficient Storage",
        ),
        (
            {"message_type": "exit_error", "message": "Fatal: write /repository/x: no space left "
             "on device"},
            "write /repository/x: no space left on device",
        ),
    ],
)  # fmt: skip
def test_a_store_that_is_full_is_told_with_its_page(line: object, said: str) -> None:
    assert ending(1, heard(line)[0], NAMED) == (
        f"{AT} can't be used: {said}; make room there (docs/how-to/restore.md#the-store-is-full)"
    )


def test_a_run_that_says_nothing_is_told_by_its_code() -> None:
    assert ending(137, heard()[0], NAMED) == f"{AT} can't be used: restic ended with 137"


def test_files_that_could_not_be_read_are_named() -> None:
    lines = [
        {"message_type": "error", "error": {"message": "denied"}, "item": f"/data/{number}"}
        for number in range(12)
    ]
    told = ending(3, heard(*lines)[0], NAMED).splitlines()
    assert told[:2] == ["the snapshot lacks what couldn't be read:", "  /data/0: denied"]
    assert told[-1] == "  and 2 more"
    assert len(told) == 12


@given(st.text() | JSON.map(json.dumps))
def test_no_line_breaks_the_listener(line: str) -> None:
    ending(1, heard(line)[0], NAMED)


@given(st.text(alphabet="ab /:", max_size=20), st.text(alphabet="ab /:", max_size=20))
def test_no_secret_is_repeated(before: str, after: str) -> None:
    told, _ = heard(f"{before}{PASSWORD}{after}", secrets=("", PASSWORD, "pppp"))
    assert "ppp" not in ending(1, told, NAMED).partition("used: ")[2]


def test_snapshots_are_listed_with_the_newest_first() -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    found: list[dict[str, Any]] = [
        {"id": "a" * 64, "time": "2026-11-25T11:00:00.123456789Z"},
        {
            "id": "b" * 64,
            "time": "2026-11-28T11:58:00.5+01:00",
            "summary": {"total_bytes_processed": 2**20},
        },
    ]
    assert rows(found, now) == [
        ("bbbbbbbb", "2026-11-28 10:58", "1 h", "1.0 MiB"),
        ("aaaaaaaa", "2026-11-25 11:00", "3 d", ""),
    ]


@pytest.mark.parametrize(
    ("minutes", "text"), [(-5, "0 min"), (59, "59 min"), (60, "1 h"), (1439, "23 h"), (1440, "1 d")]
)
def test_an_age_has_its_largest_unit(minutes: int, text: str) -> None:
    assert age(timedelta(minutes=minutes)) == text


# Before anything is done


def a_context(section: Mapping[str, Any] | None, given: Mapping[str, str] | None = None) -> Context:
    more = {} if section is None else {"backup": json.dumps(section)}
    estate = loading.load("local", own_config("local", services=True) | more)
    context = Context("local", loading.of_files, given or {"file": ""})
    context.__dict__["estate"] = estate
    return context


@pytest.mark.parametrize("command", [backup.run, backup.snapshots, backup_key.run])
def test_a_stack_without_the_section_is_told_how_to_get_one(command: Any) -> None:
    with pytest.raises(
        CommandError, match=r"add .*repository.*: rest:https://backup\.example\.org"
    ):
        command(a_context(None))


def test_without_a_password_it_is_told_what_makes_one() -> None:
    with pytest.raises(CommandError, match=r"^homeport:backup\.password is missing; `make backup-"):
        backup.run(a_context({"repository": "/mnt/disk"}))


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with pytest.raises(CommandError, match=f"{folder}', and there is no such folder; make it, or "):
        backup.run(a_context({"repository": str(folder), "password": PASSWORD}))
    assert not folder.exists()


# The sheet


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The stack's secrets, as the engine keeps them."""
    known: dict[str, Any] = {"backup": {"repository": "s3:s3.example.org/b"}, "vault": {}}

    def set_config(_: Context, path: str, value: str) -> bool:
        known["backup"][path.rpartition(".")[2]] = value
        return True

    monkeypatch.setattr(backup_key, "deployment", lambda _: {})
    monkeypatch.setattr(
        backup_key, "secret", lambda _, key: json.dumps(known[key.partition(":")[2]])
    )
    monkeypatch.setattr(backup_key, "set_config", set_config)
    return known


def test_a_missing_password_is_made_and_one_that_is_there_stays(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert backup_key.run(a_context(engine["backup"])) == 0
    made = engine["backup"]["password"]
    assert len(made) == 43
    assert f"password: {made}\n" in capsys.readouterr().out
    assert backup_key.run(a_context(engine["backup"])) == 0
    assert engine["backup"]["password"] == made
    assert f"password: {made}\n" in capsys.readouterr().out


def test_with_a_time_the_login_at_the_vault_is_made_as_well(engine: dict[str, Any]) -> None:
    engine["backup"] |= {"password": PASSWORD, "at": "03:17"}
    assert backup_key.run(a_context(engine["backup"])) == 0
    made = dict(engine["backup"])
    assert {"role_id", "secret_id"} < made.keys()
    assert backup_key.run(a_context(made)) == 0
    assert engine["backup"] == made


def test_the_sheet_has_what_opens_all(engine: dict[str, Any], tmp_path: Path) -> None:
    engine["backup"] |= {"password": PASSWORD, "env": {"AWS_ACCESS_KEY_ID": "id"}}
    engine["vault"] = {"seal_key": "seal", "role_id": "role", "secret_id": "secret", "values": {}}
    file = tmp_path / "sheet"
    assert backup_key.run(a_context(engine["backup"], {"file": str(file)})) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (
        file.read_text()
        == f"""\
Backup of the stack local

What opens it, with restic:
  repository: s3:s3.example.org/b
  password: {PASSWORD}
  AWS_ACCESS_KEY_ID: id

What opens the vault that is in it:
  seal_key: seal
  role_id: role
  secret_id: secret
"""
    )
    with pytest.raises(CommandError, match="which is there already; give another name"):
        backup_key.run(a_context(engine["backup"], {"file": str(file)}))


# One at a time


def test_a_command_that_is_at_work_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(at_work, "_GLANCE", 0)
    states = iter(["running", "running", "running"])

    def get(_: str) -> object:
        if not (state := next(states, None)):
            raise docker.errors.NotFound("gone")
        return SimpleNamespace(status=state)

    context = Context("local", loading.of_files)
    context.__dict__["docker"] = SimpleNamespace(containers=SimpleNamespace(get=get))
    at_work.wait_for(context, "x", "registry-gc")
    assert capsys.readouterr().out == "Waiting for registry-gc to end…\n"
    at_work.wait_for(context, "x", "registry-gc")
    assert capsys.readouterr().out == ""
