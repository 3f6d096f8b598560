"""Checks pushes that GitHub, Gitea, Forgejo and GitLab announce, and finds the sites they name."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from publisher.paths import Paths
from publisher.sources import Site, identity

# The headers of each git server. Newer Gitea and Forgejo send GitHub's as well.
_SIGNATURES = {"x-hub-signature-256": "sha256=", "x-gitea-signature": ""}
_TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
_EVENTS = ("x-github-event", "x-gitea-event", "x-gitlab-event")
_PUSHES = ("push", "Push Hook", "Tag Push Hook")
# The fields of a message that describe its repository, and those with its URL; GitLab sends both.
_REPOSITORIES = ("repository", "project")
_URLS = (
    "clone_url", "ssh_url", "html_url", "git_url", "url",
    "git_http_url", "git_ssh_url", "web_url", "http_url",
)  # fmt: skip
_MOST_TOLD = 300


class BadPayloadError(ValueError):
    """A genuine message whose body can't be read."""


@dataclass(frozen=True)
class Receiver:
    """A site to which a webhook's URL belongs, and its secret."""

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
            if secret:  # anybody could sign with an empty secret
                found.append(Receiver(site, secret))
    return found


def credentials(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """The signatures and tokens of a message, by header."""
    return [
        (name, given.encode("latin-1"))
        for name in (*_SIGNATURES, _TOKEN)
        if (given := headers.get(name))
    ]


def genuine(
    asked: Iterable[Receiver], given: Iterable[tuple[str, bytes]], body: bytes
) -> list[Site]:
    """The sites whose secret signed the body or, from GitLab, came with it."""
    given = list(given)
    return [
        receiver.site
        for receiver in asked
        if any(hmac.compare_digest(_expected(name, receiver, body), text) for name, text in given)
    ]


def _expected(name: str, receiver: Receiver, body: bytes) -> bytes:
    """The value that a header must have."""
    if name == _TOKEN:
        return receiver.secret
    digest = hmac.new(receiver.secret, body, hashlib.sha256).hexdigest()
    return f"{_SIGNATURES[name]}{digest}".encode()


def event(headers: Mapping[str, str]) -> str:
    """The event: `push`, `ping`, or a name that doesn't matter here."""
    said = next((headers[name] for name in _EVENTS if headers.get(name)), "")
    return "push" if said in _PUSHES else said


def payload(body: bytes, content_type: str) -> Mapping[str, object]:
    """The body's content, from JSON or from a form's field `payload`. Raises BadPayloadError."""
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


def urls(said: Mapping[str, object]) -> list[str]:
    """All URLs with which a push names its repository."""
    return [
        url
        for repository in _repositories(said)
        for url in (repository.get(name) for name in _URLS)
        if isinstance(url, str)
    ]


def _repositories(said: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for name in _REPOSITORIES:
        repository = said.get(name)
        if isinstance(repository, dict):
            yield repository


def pushed(sites: Iterable[Site], said: Mapping[str, object]) -> list[str]:
    """The names of the sites that follow the repository and ref of a push."""
    named = {identity(url) for url in urls(said)}
    default = [
        repository["default_branch"]
        for repository in _repositories(said)
        if "default_branch" in repository
    ]
    return [
        site.name
        for site in sites
        if identity(site.url) in named
        and said.get("ref") == _ref(site, default[0] if default else None)
    ]


def stranger(sites: Iterable[Site], said: Mapping[str, object]) -> str:
    """The repository of a push if no site follows it, such as a renamed one; else ""."""
    named = dict.fromkeys(identity(url) for url in urls(said))
    if any(identity(site.url) in named for site in sites):
        return ""
    told = ", ".join(named) or "a repository without a name"
    return "".join(letter for letter in told if letter.isprintable())[:_MOST_TOLD]


def _ref(site: Site, default_branch: object) -> str | None:
    """The ref whose push concerns a site. None for a commit, which never changes."""
    if site.ref is None:
        return f"refs/heads/{default_branch}"
    folders = {"branch": "refs/heads/", "tag": "refs/tags/"}
    folder = folders.get(site.ref.kind)
    return folder and folder + site.ref.name
