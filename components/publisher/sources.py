"""What the publisher reads: the sites that follow git, and what only it may know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from components.routes import Handler, Refusal, Route, Upstream
from values.limits import Limits

COMPONENT = "publisher"
"""User id of the service, whose the content is."""
PORT = 8000

# As GitHub publishes them: https://api.github.com/meta, and their fingerprints at
# https://docs.github.com/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints
GITHUB_KEYS = (
    "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "github.com ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrY"
    "MjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
    "github.com ssh-rsa "
    "AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aNUkY4Ue1gvwnG"
    "LVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/h"
    "WCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+5Z8C"
    "SSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FN"
    "yeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+EjqoTwvqNj4k"
    "qx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5"
    "hpQs+p1vN1/wsjk=",
)


@dataclass(frozen=True, kw_only=True)
class GitSource:
    """One site's repository, and what of it is published where."""

    url: str
    """As the person wrote it: webhooks name the repository by it."""
    fetch: Path | str | None
    """Where it is really fetched: a folder of the mirror, a URL, or nowhere."""
    ref: tuple[Literal["branch", "tag", "commit"], str] | None = None
    """By default the repository's own default branch."""
    directory: str = ""
    into: str = ""
    """Where in the web root it is published; `""` is its top."""
    every: int = 900
    """Seconds from one look at the repository to the next."""
    webhooks: Sequence[tuple[str, str]] = ()
    """Host and path of each URL at which a push is announced."""
    webhook_secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that the publisher publishes."""

    sites: Mapping[str, GitSource]
    """By the site's name."""
    limits: Limits
    known_hosts: Sequence[str] = ()
    """Lines of servers' public keys, beside GitHub's."""
    mirror: Sequence[Path] = ()
    """Folders of this repository that stand in for repositories."""


def public_files(sources: Sources) -> dict[str, str]:
    """The files that anybody may read."""
    sites = {name: _site(source) for name, source in sorted(sources.sites.items())}
    limits = sources.limits.model_dump()
    return {
        "sources.json": json.dumps({"limits": limits, "sites": sites}, indent=2) + "\n",
        "known_hosts": "\n".join([*GITHUB_KEYS, *sources.known_hosts]) + "\n",
    }


def secret_files(sources: Sources) -> dict[str, str]:
    """The files that the publisher alone may read."""
    files = {}
    for name, source in sources.sites.items():
        if source.webhook_secret is not None:
            files[f"webhooks/{name}"] = source.webhook_secret
        if source.token is not None:
            files[f"credentials/{name}.token"] = source.token
        if source.key is not None:
            # Without a line end at its end `ssh` takes no key, and `pulumi config set` cuts it off.
            files[f"credentials/{name}.key"] = source.key.rstrip() + "\n"
    return files


def webhook_routes(sources: Sources) -> list[Route]:
    """A route for each URL at which pushes are announced; without a secret it says 404."""
    handlers: dict[tuple[str, str], Handler] = {}
    for source in sources.sites.values():
        for at in source.webhooks:
            if source.webhook_secret is not None:
                # A push that is announced while the publisher is replaced waits for the next one.
                handlers[at] = Upstream(
                    address=f"{COMPONENT}:{PORT}", patience="60s", repeatable=True
                )
            else:
                handlers.setdefault(at, Refusal(status=404, text=""))
    return [
        Route(
            component=COMPONENT,
            host=host,
            path=path,
            handler=handler,
            secret_headers=["X-Gitlab-Token"],
            visited=False,
        )
        for (host, path), handler in sorted(handlers.items())
    ]


def _site(source: GitSource) -> dict[str, object]:
    fetch = source.fetch
    return {
        "url": source.url,
        "fetch": f"mirror:{fetch.as_posix()}" if isinstance(fetch, Path) else fetch,
        "ref": dict([source.ref]) if source.ref else None,
        "directory": source.directory,
        "as": source.into,
        "every": source.every,
        "webhooks": [{"host": host, "path": path} for host, path in source.webhooks],
    }
