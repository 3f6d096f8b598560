"""The vault's snapshot, got by a login that may read it and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
import zlib
from collections.abc import Mapping
from pathlib import Path

_TIMEOUT = 120  # seconds between two parts of an answer


class NoSnapshotError(Exception):
    """Why there is none, in a sentence."""


def fetch(login: Mapping[str, str], file: Path, coming: Path) -> None:
    """Put the snapshot into `file`, by way of `coming`, once it is known to be whole.

    `login` has `url`, `role_id` and `secret_id`. Raises NoSnapshotError, and leaves `file` as it
    was.
    """
    credential = {key: login[key] for key in ("role_id", "secret_id")}
    try:
        answer = _ask(f"{login['url']}/v1/auth/approle/login", body=credential)
        token = json.loads(answer)["auth"]["client_token"]
        content = _ask(f"{login['url']}/v1/sys/storage/raft/snapshot", token=token)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoSnapshotError(f"the vault gives no snapshot: {error}") from error
    if not is_whole(content):
        raise NoSnapshotError("the vault's snapshot came broken")
    coming.write_bytes(content)
    file.parent.mkdir(exist_ok=True)
    coming.replace(file)


def is_whole(content: bytes) -> bool:
    """Whether each file in it is as its sums, which come last, say."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
            files = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
        lines = [line.split() for line in files["SHA256SUMS"].decode().splitlines()]
        return all(hashlib.sha256(files[name]).hexdigest() == digest for digest, name in lines)
    except (tarfile.TarError, EOFError, OSError, zlib.error, KeyError, ValueError):
        return False


def _ask(url: str, *, body: Mapping[str, str] | None = None, token: str = "") -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the URL is the program's own
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Vault-Token": token} if token else {},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content
