"""The section `homeport:backup`: what is taken, and the whole message for what is not."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.backup_section import BackupSection, warnings
from config.model import ConfigError
from config.settings import Settings
from tests.unit.program import own_config

FORMS = (
    "must be rest:https://backup.example.org/prod, s3:s3.example.org/bucket, "
    "sftp:name@backup.example.org:/folder, or on a local host a folder such as /mnt/disk/backup"
)
NO_CREDENTIAL = (
    "must not hold a name or password; set them as homeport:backup.env, such as "
    "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"
)
NO_VARIABLE = (
    "is no variable that opens a repository; allowed are RESTIC_REST_USERNAME and "
    "RESTIC_REST_PASSWORD for rest:, AWS_… for s3:, such as AWS_ACCESS_KEY_ID, and SFTP_KEY and "
    "SFTP_KNOWN_HOST for sftp:"
)
NO_PASSWORD = (
    "must be 20 to 128 letters, digits and signs, without spaces, as `make backup-key{}` makes them"
)
NO_TIME = 'must be a time of day in quotes, such as "03:17"'
SERVER = "rest:https://backup.example.org/prod"
SSH = {"SFTP_KEY": "-----BEGIN\nkey\n-----END\n", "SFTP_KNOWN_HOST": "x.org ssh-ed25519 AAAA"}


def parsed(stack: str, section: Mapping[str, Any]) -> BackupSection:
    found = Settings.parse(stack, {**own_config(stack), "backup": section}).backup
    assert found
    return found


def problems(section: Mapping[str, Any], stack: str = "local") -> list[str]:
    try:
        parsed(stack, section)
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "section",
    [
        {"repository": SERVER},
        {"repository": "rest:http://10.1.2.3:8000/", "env": {"RESTIC_REST_PASSWORD": 8000}},
        {"repository": "s3:s3.example.org/bucket/a-b", "env": {"AWS_ACCESS_KEY_ID": "id"}},
        {"repository": "s3:https://s3.example.org:9000/b", "include": ["content", "metrics"]},
        {"repository": "sftp:ada@x.example.org:/srv/prod", "env": SSH},
        {"repository": "sftp://ada@10.1.2.3:2222//srv/prod", "env": SSH},
        {"repository": SERVER, "password": {"secure": "v1:a:b"}},
        {"repository": SERVER, "password": "p" * 20, "at": "23:59"},
    ],
)
@pytest.mark.parametrize("stack", ["local", "prod"])
def test_good_sections_are_taken(section: dict[str, Any], stack: str) -> None:
    assert problems(section, stack) == []


def test_a_folder_is_taken_in_its_one_form() -> None:
    assert parsed("local", {"repository": "/mnt//disk/./b/"}).folder == "/mnt/disk/b"
    assert parsed("local", {"repository": SERVER}).folder == ""


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({}, "backup.repository is missing; add it, such as repository: " + SERVER),
        *(
            ({"repository": text}, f"backup.repository is {text!r}: {FORMS}")
            for text in (
                "",
                "/",
                "backup",
                "/a/../b",
                "//a",
                "/a\nb",
                "rest:x",
                "sftp:host:/b",
                "sftp:a@b",
            )
        ),
        (
            {"repository": "rest:https://ada:pw@x.org/"},
            f"backup.repository is 'rest:https://…@x.org/': {NO_CREDENTIAL}",
        ),
        (
            {"repository": SERVER, "password": "short pw"},
            "backup.password is [secret]: " + NO_PASSWORD.format(""),
        ),
        (
            {"repository": SERVER, "env": {"RESTIC_PASSWORD_FILE": "x"}},
            f"backup.env.RESTIC_PASSWORD_FILE: {NO_VARIABLE}",
        ),
        (
            {"repository": SERVER, "env": {"AWS_A": "two\nlines"}},
            "backup.env.AWS_A: must be text of one line",
        ),
        (
            {"repository": "sftp:ada@x.org:/b", "env": {"SFTP_KEY": SSH["SFTP_KEY"]}},
            "backup.env.SFTP_KNOWN_HOST: is missing; sftp: needs the private key, and the line of "
            "known_hosts of its server, which `ssh-keyscan` prints",
        ),
        (
            {"repository": SERVER, "include": ["vault"]},
            "backup.include.0 is 'vault': must be 'content' or 'metrics'",
        ),
        (
            {"repository": SERVER, "at": "24:00"},
            f"backup.at is '24:00': {NO_TIME}",
        ),
        (
            {"repository": SERVER, "at": 797},  # 13:17 without quotes, as some readers take it
            'backup.at is 797: must be text, put in quotes, such as at: "03:17"',
        ),
        (
            {"repository": SERVER, "when": "03:17"},
            "backup.when: there is no such field; allowed here: repository, password, env, at, "
            "role_id, secret_id, keep, prune_env, verify, include",
        ),
        (
            {"repository": SERVER, "keep": {"daily": "2w"}},
            "backup.keep.daily is '2w': must be days, months or years, such as 14d, 2m or 1y",
        ),
        (
            {"repository": SERVER, "verify": "0%"},
            "backup.verify is '0%': must be a share from 1% to 100%",
        ),
        (
            {"repository": SERVER, "prune_env": {"PATH": "x"}},
            f"backup.prune_env.PATH: {NO_VARIABLE}",
        ),
    ],
)
def test_bad_sections_are_refused(section: dict[str, Any], problem: str) -> None:
    assert problems(section) == [f"Pulumi.local.yaml: homeport:{problem}"]


def test_a_folder_is_refused_for_a_host_over_ssh() -> None:
    assert problems({"repository": "/mnt/disk"}, "prod") == [
        "Pulumi.prod.yaml: homeport:backup.repository: is '/mnt/disk', a folder of the host whose "
        "data it is to replace; must be on a server (rest:…, s3:… or sftp:…) where docker_host is "
        "reached over SSH"
    ]


@given(st.text())
def test_any_text_is_a_repository_or_one_problem(text: str) -> None:
    found = problems({"repository": text})
    assert len(found) <= 1
    if not found:
        assert text.startswith(("rest:", "s3:", "/"))  # sftp: without what opens it is none
        assert "@" not in text or text.startswith("/")


@given(st.text(min_size=1))
def test_no_problem_quotes_a_password(text: str) -> None:
    planted = f"planted-{text}"
    for section in ({"password": f" {planted}"}, {"env": {"AWS_A": f"\n{planted}"}}):
        told = problems({"repository": SERVER, **section})
        assert len(told) == 1
        assert "planted" not in told[0]


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({"at": "03:17"}, True),
        ({"at": "03:17", "prune_env": {"RESTIC_REST_USERNAME": "owner"}}, False),
        ({"at": "03:17", "repository": "/mnt/disk"}, False),  # the host has it anyway
        ({}, False),
    ],
)
def test_who_takes_the_host_can_delete_its_backups_unless_another_credential_does(
    more: dict[str, Any], warned: bool
) -> None:
    given = {**own_config("local"), "backup": {"repository": SERVER, **more}}
    settings = Settings.parse("local", given)
    told = (
        "Pulumi.prod.yaml: homeport:backup has no prune_env, so whoever takes this host can "
        "delete its backups (docs/how-to/backup.md#delete-from-elsewhere)"
    )
    assert list(warnings("prod", settings.daily_backup)) == ([told] if warned else [])
