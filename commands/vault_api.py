"""The vault's API, for commands, and all that it holds as one file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hvac
import requests
from hvac.adapters import RawAdapter

from commands.context import Context
from commands.error import CommandError
from components.vault.client import Reach, VaultError, open_vault
from components.vault.server_config import PROGRAM
from config.settings import PROJECT

_POLICY = f"/v1/sys/policies/acl/{PROGRAM}"
_OTHER_KEY = "different autoseal key"  # beside the advice to do it by force
_PATIENCE = 60  # seconds for the vault to take up what was restored
_PAUSE = 0.5
SNAPSHOT = "/v1/sys/storage/raft/snapshot"
TIMEOUT = (5, 120)
"""Seconds to connect, and between two parts of an answer."""


@contextmanager
def opened_vault(context: Context, secret: Callable[[Context, str], str]) -> Iterator[RawAdapter]:
    """The vault's API, asked as the program. What is refused in the block is told as well.

    `secret` reads a section of the stack's settings.
    """
    settings = context.settings
    if not settings.vault:
        raise CommandError(
            f"stack {context.stack} has no vault; `{context.make('vault-key')}` makes what it "
            "is opened with"
        )
    _ = context.docker  # tells why it doesn't answer
    section = json.loads(secret(context, f"{PROJECT}:vault"))  # at once: a passphrase is asked for
    reach = Reach(
        entrance=context.estate.entrance,
        host=context.estate.services["vault"].host,
        role_id=section.get("role_id"),
        secret_id=section.get("secret_id"),
    )
    try:
        with open_vault(reach.props, patient=True) as vault:
            # The client's own adapter would look for JSON in a snapshot.
            yield RawAdapter.from_adapter(vault.adapter)
    except VaultError as error:
        raise CommandError(str(error)) from error


def snapshot_of(vault: RawAdapter) -> bytes:
    """All that the vault holds. Raises CommandError if it doesn't come whole."""
    content: bytes = vault.get(SNAPSHOT, timeout=TIMEOUT).content
    if not is_snapshot(content):
        raise CommandError("the vault's snapshot came broken, so nothing was written; try again")
    return content


def is_snapshot(content: bytes) -> bool:
    """Whether it is a whole one, with each file as its sums, which come last, say."""
    try:
        # All of it first: tarfile reads no further than the last file, and gzip's sum comes after.
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
            files = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
        lines = [line.split() for line in files["SHA256SUMS"].decode().splitlines()]
        return all(hashlib.sha256(files[name]).hexdigest() == digest for digest, name in lines)
    except (tarfile.TarError, EOFError, OSError, zlib.error, KeyError, ValueError):
        return False


def put_back(
    context: Context, vault: RawAdapter, content: bytes, *, called: str, then: str = ""
) -> None:
    """Replace all that the vault holds by a snapshot, and wait until it serves that.

    Raises CommandError if it was sealed with another key, where nothing is changed. `then` is what
    to type once that key is set, where it isn't `make up`.
    """
    # OpenBao answers before it begins to restore. A mark that no snapshot has tells when it is
    # done; it stands where the next `make up` would remove it.
    mark = f"# until a snapshot is restored: {secrets.token_hex(8)}\n"
    before = vault.get(_POLICY).json()["data"]["policy"]
    vault.post(_POLICY, json={"policy": before + mark})
    try:
        vault.post(SNAPSHOT, data=content, timeout=TIMEOUT)
    except hvac.exceptions.VaultError as error:
        vault.post(_POLICY, json={"policy": before})
        if _OTHER_KEY not in str(error):
            raise
        then = then or f"type `{context.make('up')}`, and restore it then"
        raise CommandError(
            f"{called} was sealed with another key than homeport:vault.seal_key, and nothing "
            f"was changed; set its key as homeport:vault.previous_seal_key, {then} "
            "(docs/how-to/vault.md)"
        ) from error
    deadline = time.monotonic() + _PATIENCE
    while not _is_restored(vault, mark):
        if time.monotonic() > deadline:
            raise CommandError(
                "the snapshot was restored, but the vault is unhealthy since then; "
                f"`{context.make('logs NAME=vault')}` tells why"
            )
        time.sleep(_PAUSE)


def _is_restored(vault: RawAdapter, mark: str) -> bool:
    """Whether the vault serves what the snapshot holds, and so has lost the mark."""
    try:
        answer = vault.get(_POLICY)
    except hvac.exceptions.Forbidden:
        return True  # it doesn't know the login of before any more
    except (requests.RequestException, hvac.exceptions.VaultError):
        return False
    return mark not in answer.json()["data"]["policy"]
