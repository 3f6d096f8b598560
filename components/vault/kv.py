"""What an environment holds in the vault: version by version, as KV version 2 keeps it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import hvac
from hvac import exceptions

from components.vault.server_config import KV_MOUNT
from host.provider import ToldError

_ATTEMPTS = 5  # each loses against somebody else who writes at the same moment


class Version(NamedTuple):
    """One version of what an environment holds."""

    number: int  # 0 where there is none yet
    deleted: bool  # by somebody, and kept by the vault
    values: dict[str, str]


def read(vault: hvac.Client, path: str, number: int | None = None) -> Version:
    """The version of this number, else the last."""
    try:
        answer = vault.secrets.kv.v2.read_secret_version(
            path, number, mount_point=KV_MOUNT, raise_on_deleted_version=True
        )
    except exceptions.InvalidPath as error:  # with what is known of one that is gone
        answer = error.json or {}
    if not answer.get("data"):
        return Version(number=0, deleted=False, values={})
    about = answer["data"]["metadata"]
    deleted = bool(about["deletion_time"]) and not about["destroyed"]
    return Version(about["version"], deleted, answer["data"]["data"] or {})


def write(
    vault: hvac.Client, path: str, change: Callable[[Mapping[str, str]], dict[str, str]]
) -> None:
    """Write a new version, where that makes a difference, and only over the one that was read."""
    kv = vault.secrets.kv.v2
    for _ in range(_ATTEMPTS):
        last = read(vault, path)
        if last.deleted:  # by somebody, and declared: what it held comes back
            kv.undelete_secret_versions(path, [last.number], mount_point=KV_MOUNT)
            last = read(vault, path)
        wanted = change(last.values)
        if wanted == last.values:
            return
        try:
            kv.create_or_update_secret(path, wanted, cas=last.number, mount_point=KV_MOUNT)
        except exceptions.VaultError as error:
            if "too large" in str(error):
                raise ToldError(_too_large(path, wanted)) from error
            if "check-and-set" not in str(error):
                raise
        else:
            return
    raise ToldError(f"{KV_MOUNT}/{path} is written by somebody else all the time; try again")


def _too_large(path: str, values: Mapping[str, str]) -> str:
    """What doesn't fit, without a value."""
    largest = max(values, key=lambda key: len(values[key]))
    return (
        f"{KV_MOUNT}/{path} is larger than the vault takes, which is 1 MiB for all keys of an "
        f"environment; {largest} has {len(values[largest].encode()) / 1024:.0f} KiB: keep large "
        "values in files, or in an environment of their own"
    )


def as_before_or_new(vault: hvac.Client, path: str, key: str) -> str:
    """What a generated key was when the vault last had it; a new value, where it never had."""
    return next(
        (held[key] for held in _versions(vault, path) if key in held), secrets.token_urlsafe(32)
    )


def _versions(vault: hvac.Client, path: str) -> Iterator[dict[str, str]]:
    """What each version holds that can be read, the newest first.

    Not those that somebody deleted, who had a reason: brought back, all readers could read them.
    """
    try:
        kept = vault.secrets.kv.v2.read_secret_metadata(path, mount_point=KV_MOUNT)
    except exceptions.InvalidPath:
        return
    about = {int(number): each for number, each in kept["data"]["versions"].items()}
    for number in sorted(about, reverse=True):
        if not about[number]["destroyed"] and not about[number]["deletion_time"]:
            yield read(vault, path, number).values
