"""The vault's API, for commands, and all that it holds as one file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hvac.adapters import RawAdapter

from commands.context import Context
from commands.error import CommandError
from components.vault.client import Reach, VaultError, open_vault
from config.settings import PROJECT

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
