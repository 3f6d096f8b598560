"""A push as GitHub, Gitea and Forgejo announce it: is it genuine, and which sites does it name?"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from publisher.paths import Paths
from publisher.sources import Site, identity

_URLS = ("clone_url", "ssh_url", "html_url", "git_url", "url")


class BadPayloadError(ValueError):
    """A genuine message that says nothing."""


@dataclass(frozen=True)
class Receiver:
    """A site whose webhook was asked, and its secret."""

    site: Site
    secret: bytes


def receivers(sites: Iterable[Site], paths: Paths, host: str, path: str) -> list[Receiver]:
    """The sites with this webhook that have a secret."""
    found = []
    for site in sites:
        if any((webhook.host, webhook.path) == (host, path) for webhook in site.webhooks):
            try:
                secret = paths.webhook_secret(site.name).read_bytes().rstrip(b"\r\n")
            except OSError:
                continue
            if secret:  # with an empty one, anybody could sign
                found.append(Receiver(site, secret))
    return found


def genuine(asked: Iterable[Receiver], signature: str, body: bytes) -> list[Site]:
    """The sites whose secret signed the body."""
    given = signature.encode("latin-1")
    return [
        receiver.site
        for receiver in asked
        if hmac.compare_digest(
            b"sha256=" + hmac.new(receiver.secret, body, hashlib.sha256).hexdigest().encode(),
            given,
        )
    ]


def payload(body: bytes, content_type: str) -> Mapping[str, object]:
    """What the body says, as JSON or as a form with a field `payload`. Raises BadPayloadError."""
    try:
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            text = parse_qs(body.decode(), max_num_fields=10)["payload"][0]
        else:
            text = body.decode()
        said = json.loads(text)
    except (ValueError, KeyError, RecursionError) as error:
        raise BadPayloadError from error
    if not isinstance(said, dict):
        raise BadPayloadError
    return said


def pushed(sites: Iterable[Site], said: Mapping[str, object]) -> list[str]:
    """The names of the sites whose repository and ref a push names."""
    repository = said.get("repository")
    if not isinstance(repository, dict):
        return []
    named = {
        identity(url) for url in (repository.get(name) for name in _URLS) if isinstance(url, str)
    }
    default = repository.get("default_branch")
    return [
        site.name
        for site in sites
        if identity(site.url) in named and said.get("ref") == _ref(site, default)
    ]


def _ref(site: Site, default_branch: object) -> str | None:
    """The ref whose push concerns a site. A commit stays what it is."""
    if site.ref is None:
        return f"refs/heads/{default_branch}"
    folders = {"branch": "refs/heads/", "tag": "refs/tags/"}
    folder = folders.get(site.ref.kind)
    return folder and folder + site.ref.name
