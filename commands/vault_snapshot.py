"""`vault-snapshot` and `vault-restore`: all that the vault holds, as a file and back."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3

from commands.context import CommandError, Context
from commands.door import open_door
from commands.pulumi_cli import secret
from components.vault_server_config import APPROLE
from config.settings import PROJECT

_SNAPSHOT = "sys/storage/raft/snapshot"
_TIMEOUT = urllib3.Timeout(connect=5, read=120)  # seconds
_PATIENCE = 60  # seconds for the vault to take up what was restored


def save(context: Context) -> int:
    """Write a snapshot to FILE, or to a name with the time in it."""
    file = Path(
        context.given["file"] or f"vault-{context.stack}-{datetime.now(UTC):%Y%m%d-%H%M%S}.snap"
    )
    with _vault(context) as vault:
        content = vault.ask("GET", _SNAPSHOT)
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            whole = "SHA256SUMS" in tar.getnames()
    except (tarfile.TarError, EOFError, OSError):
        whole = False
    if not whole:
        raise CommandError("the vault's snapshot came broken, so nothing was written; try again")
    try:
        file.touch(mode=0o600, exist_ok=False)
        try:
            file.write_bytes(content)
        except OSError:
            file.unlink()
            raise
    except OSError as error:
        raise CommandError(
            f"{file} can't be written: {error.strerror}; give another FILE="
        ) from error
    print(f"wrote {file}, {len(content) / 2**20:.1f} MiB; only the stack's seal key opens it")
    return 0


def restore(context: Context) -> int:
    """Put a snapshot in place of all that the vault holds."""
    file = context.given["file"]
    if not file:
        raise CommandError("make vault-restore FILE=…: name the snapshot")
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from error
    if not context.may_act("restoring the vault of", always_ask=True):
        wanted = input("All that the vault holds now is lost. Type the stack's name to go on: ")
        if wanted != context.stack:
            print("Nothing was changed.")
            return 1
    with _vault(context) as vault:
        vault.ask("POST", _SNAPSHOT, body=content)
        deadline = time.monotonic() + _PATIENCE
        while not vault.is_well():
            if time.monotonic() > deadline:
                raise CommandError(
                    "the snapshot was restored, and the vault isn't well since; `make logs "
                    "NAME=vault` tells why"
                )
            time.sleep(0.5)
    print(f"restored {file}; `make up` brings what the files declare up to date")
    return 0


@dataclass
class _Vault:
    """The vault's API, asked with the program's credential."""

    url: str
    pool: urllib3.HTTPSConnectionPool
    headers: dict[str, str]

    def ask(self, method: str, path: str, *, body: bytes | None = None) -> bytes:
        """The body of the answer. Raises CommandError, which never quotes what was sent."""
        try:
            answer = self.pool.request(
                method, f"/v1/{path}", body=body, headers=self.headers,
                timeout=_TIMEOUT, redirect=False, retries=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"{self.url} doesn't answer ({error})") from error
        if answer.status >= 300:
            raise CommandError(f"{self.url} refuses {path} ({_reason(answer)})")
        return answer.data

    def is_well(self) -> bool:
        """Whether it serves, which it doesn't for some seconds after a restore."""
        try:
            self.ask("GET", "sys/health")
        except CommandError:
            return False
        return True


@contextmanager
def _vault(context: Context) -> Iterator[_Vault]:
    settings = context.settings
    if not settings.vault:
        raise CommandError(
            f"stack {context.stack} has no vault; `make vault-key STACK={context.stack}` makes "
            "what it is opened with"
        )
    section = json.loads(secret(context, f"{PROJECT}:vault"))  # at once: a passphrase is asked for
    credential = {key: section.get(key) for key in ("role_id", "secret_id")}
    host = settings.full_host("vault")
    url = settings.public_url(host)
    with open_door(context) as door, door.pool(host) as pool:
        vault = _Vault(url, pool, {"Host": url.removeprefix("https://")})
        login = vault.ask("POST", f"auth/{APPROLE}/login", body=json.dumps(credential).encode())
        said: dict[str, Any] = json.loads(login)
        vault.headers["X-Vault-Token"] = said["auth"]["client_token"]
        yield vault


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        errors: list[str] = json.loads(answer.data)["errors"]
    except (ValueError, KeyError, TypeError):
        errors = []
    return f"{answer.status}: {'; '.join(errors)}" if errors else str(answer.status)
