"""The section `homeport:backup` of a stack's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from values.command_line import making
from values.model import FieldsError, Model, matching, secret

_NAME = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_HOST = rf"{_NAME}(:[0-9]+)?"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_SERVER = re.compile(
    rf"(rest:https?://|s3:(https?://)?){_HOST}/[^\s@?#]*"
    rf"|sftp:(//{_USER}@{_HOST}/|{_USER}@{_NAME}:)[^\s@?#]+"
)
_FORMS = (
    "must be rest:https://backup.example.org/prod, s3:s3.example.org/bucket, "
    "sftp:name@backup.example.org:/folder, or on a local host a folder such as /mnt/disk/backup"
)
_SFTP = ("SFTP_KEY", "SFTP_KNOWN_HOST")
_VARIABLE = re.compile(r"(AWS|RESTIC_REST)_[A-Z0-9_]+|" + "|".join(_SFTP))
_PASSWORD = secret(
    r"[!-~]{20,128}",
    "20 to 128 letters, digits and signs, without spaces",
    made_by=making("backup-key"),
)
_CREDENTIAL = secret(
    r"[A-Za-z0-9_-]{20,128}", "20 to 128 letters and digits", made_by=making("backup-key")
)
_TIME = matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", 'a time of day in quotes, such as "03:17"')
_SPAN = matching(r"[1-9][0-9]{0,3}[dmy]", "days, months or years, such as 14d, 2m or 1y")
_SHARE = matching(r"([1-9][0-9]?|100)%", "a share from 1% to 100%")


def _repository(text: str) -> str:
    if _SERVER.fullmatch(text):
        return text
    if "@" in text and not text.startswith("sftp:"):
        raise ValueError(
            "must not hold a name or password; set them as homeport:backup.env, such as "
            "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"
        )
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or path == path.parent or not _is_plain(text):
        raise ValueError(_FORMS)
    return path.as_posix()


def _is_plain(text: str) -> bool:
    return text.isprintable() and not text.startswith("//")


def _variables(env: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise FieldsError(
                [name],
                "is no variable that opens a repository; allowed are RESTIC_REST_USERNAME and "
                "RESTIC_REST_PASSWORD for rest:, AWS_… for s3:, such as AWS_ACCESS_KEY_ID, and "
                "SFTP_KEY and SFTP_KNOWN_HOST for sftp:",
            )
        if name != _SFTP[0] and "\n" in value.get_secret_value():
            raise FieldsError([name], "must be text of one line")
    return env


def _as_text(value: object) -> object:
    # `pulumi config set` makes a number of 8000.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Value = Annotated[SecretStr, secret(r"[^\x00]+", "text"), BeforeValidator(_as_text)]


class Keep(Model):
    """For how long a snapshot is kept, counted back from the newest one. Each day, week and month
    has its last snapshot kept for the time that is said; what no time covers is removed.
    """

    daily: Annotated[str, _SPAN] = "14d"
    weekly: Annotated[str, _SPAN] = "2m"
    monthly: Annotated[str, _SPAN] = "1y"


class BackupSection(Model):
    """Where the stack's data is saved, when, and for how long it is kept."""

    repository: Annotated[str, AfterValidator(_repository)] = Field(
        examples=["rest:https://backup.example.org/prod"]
    )
    """Where restic keeps it: a server, or a folder of a local host."""
    password: Annotated[SecretStr, _PASSWORD] | None = Field(default=None, repr=False)
    """What the repository is encrypted with: without it nobody reads it again."""
    env: Annotated[Mapping[str, _Value], AfterValidator(_variables)] = Field(default={}, repr=False)
    """The credential of the server, as the variables that restic reads."""
    at: Annotated[str, _TIME] | None = Field(default=None, examples=['"03:17"'])
    """When the host saves its data by itself, each day, in UTC."""
    role_id: Annotated[SecretStr, _CREDENTIAL] | None = Field(default=None, repr=False)
    """The name at the vault of what saves by itself."""
    secret_id: Annotated[SecretStr, _CREDENTIAL] | None = Field(default=None, repr=False)
    """Its password there."""
    keep: Keep = Keep()
    prune_env: Annotated[Mapping[str, _Value], AfterValidator(_variables)] = Field(
        default={}, repr=False
    )
    """The credential that may delete, where that of `env` may not. It stays off the host."""
    verify: Annotated[str, _SHARE] = "5%"
    """How much of the repository is read back each week, chosen at random."""
    include: tuple[Literal["content", "metrics"], ...] = Field(default=(), examples=["[metrics]"])
    """What is saved besides: the content of sites, which git or this repository has as well, and
    what Prometheus recorded."""

    @model_validator(mode="after")
    def _ssh_is_given_both(self) -> Self:
        lacking = [name for name in _SFTP if name not in self.env]
        if self.repository.startswith("sftp:") and lacking:
            raise FieldsError(
                [f"env.{name}" for name in lacking],
                "is missing; sftp: needs the private key, and the line of known_hosts of its "
                "server, which `ssh-keyscan` prints",
            )
        return self

    @property
    def folder(self) -> str:
        """The repository where it is a folder of the host; empty where it is on a server."""
        return self.repository if self.repository.startswith("/") else ""

    def missing(self, *, vault: bool) -> list[str]:
        """The secrets that the section lacks and `make backup-key` makes, for a stack with or
        without a vault.
        """
        wanted = ["password", *(LOGIN if self.at and vault else [])]
        return [key for key in wanted if getattr(self, key) is None]


LOGIN = ("role_id", "secret_id")
"""What a backup gets the vault's snapshot with."""


def warnings(stack: str, daily: BackupSection | None) -> Iterator[str]:
    """What whoever takes a host that saves `daily` can do, in a sentence."""
    if daily and not daily.folder and not daily.prune_env:
        yield (
            f"Pulumi.{stack}.yaml: homeport:backup has no prune_env, so whoever takes this host "
            "can delete its backups (docs/how-to/backup.md#delete-from-elsewhere)"
        )
