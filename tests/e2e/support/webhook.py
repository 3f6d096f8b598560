"""A push, announced as GitHub announces it (Gitea and Forgejo send the same), or as GitLab does."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import httpx

from .client import Address


def push_of(repository: str, *, branch: str = "main") -> bytes:
    """What is sent after a push to a branch of `https://host/name`: the parts that matter."""
    parts = urlsplit(repository)
    path = parts.path.removeprefix("/")
    told = {
        "ref": f"refs/heads/{branch}",
        "repository": {
            "full_name": path,
            "default_branch": "main",
            "html_url": repository,
            "clone_url": f"{repository}.git",
            "git_url": f"git://{parts.hostname}/{path}.git",
            "ssh_url": f"git@{parts.hostname}:{path}.git",
        },
    }
    return json.dumps(told).encode()


def as_form(payload: bytes) -> bytes:
    """The same as a form, which is what GitHub sends unless told otherwise."""
    return urlencode({"payload": payload.decode()}).encode()


class Webhook:
    """One webhook, as the hosting service keeps it. Lives as long as its block."""

    def __init__(self, url: str, *, secret: str | None, address: Address, ca: Path) -> None:
        """`url` is asked at `address`. Without a secret nothing is signed."""
        self._parts = urlsplit(url)
        self._secret = secret
        self._there = self._parts._replace(netloc=f"{address[0]}:{address[1]}").geturl()
        # A minute: whoever announces waits while the other side is replaced.
        context = ssl.create_default_context(cafile=ca)
        self._client = httpx.Client(verify=context, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def send_as_gitlab(self, repository: str, *, branch: str = "main") -> httpx.Response:
        """Announce a push to `https://host/name` as GitLab does: with the secret itself."""
        project = {"git_http_url": f"{repository}.git", "default_branch": "main"}
        body = {"object_kind": "push", "ref": f"refs/heads/{branch}", "project": project}
        return self._post(
            json.dumps(body).encode(),
            {
                "Content-Type": "application/json",
                "X-Gitlab-Event": "Push Hook",
                "X-Gitlab-Token": self._secret or "",
            },
        )

    def send(
        self, body: bytes, *, event: str = "push", media_type: str = "application/json"
    ) -> httpx.Response:
        """Announce it: the answer, of any status. May be called by many threads."""
        headers = {"Content-Type": media_type, "X-GitHub-Event": event}
        if self._secret is not None:
            digest = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={digest}"
        return self._post(body, headers)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        return self._client.post(
            self._there,
            content=body,
            headers={"Host": self._parts.netloc, **headers},
            extensions={"sni_hostname": self._parts.hostname},
        )
