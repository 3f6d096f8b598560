"""Caddy 1's `git`: content that follows a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import ValidationError

from config.source import Source
from console.caddyfile_import.draft import Draft, below
from console.caddyfile_import.words import Directive

_URL = re.compile(r"[a-z]+://|[\w.-]+@[\w.-]+:")
_SECRETS = {
    "webhook": "the secret of the webhook",
    "key": "the deploy key",
    "token": "the password of the repository",
}


def git(draft: Draft, directive: Directive) -> None:
    """Makes a repository the source of the draft."""
    words = [word.text for word in directive.words[1:]]
    lines = {one.name: one for one in directive.below if one.name}
    said = {name: [word.text for word in one.words[1:]] for name, one in lines.items()}
    url = (words or said.get("repo") or said.get("url") or [""])[0]
    path = (words[1:] or said.get("path") or [""])[0]
    url, password = _without_password(url if _URL.match(url) else f"https://{url}")
    fields: dict[str, str | bool] = {"git": url}
    if branch := (said.get("branch") or [""])[0]:
        fields["branch"] = branch
    fields |= _place(draft, directive, path)
    if interval := (said.get("interval") or [""])[0]:
        fields["every"] = _time(interval)
    if hook := said.get("hook"):
        fields["webhook"] = hook[0]
    for one in _unread(draft, directive, fields):
        draft.say(one, f"{one.name}: a source doesn't take that; left out")
    if password:
        _secret(draft, directive, "token")
    if hook and len(hook) > 1:
        _secret(draft, lines["hook"], "webhook")
    if "key" in lines:
        _secret(draft, lines["key"], "key")
    draft.source = fields


def _without_password(url: str) -> tuple[str, bool]:
    bare = re.sub(r"^(https?://)[^/@]*@", r"\1", url)
    return bare, bare != url


def _place(draft: Draft, directive: Directive, path: str) -> Iterator[tuple[str, str]]:
    """Where in the web root it is published, or which folder of it is the web root."""
    path = path.rstrip("/")
    if path in ("", ".", draft.root):
        return
    if not path.startswith("/"):
        yield "as", path
    elif within := below(path, draft.root):
        yield "as", within
    elif within := below(draft.root, path):
        yield "directory", within
    elif draft.root:
        draft.say(directive, f"{path} isn't at {draft.root}; the repository is the web root here")


def _time(interval: str) -> str:
    if not interval.isdecimal():
        return interval
    seconds = int(interval)
    for unit, name in ((3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"


def _unread(
    draft: Draft, directive: Directive, fields: dict[str, str | bool]
) -> Iterator[Directive]:
    """Lines that no field has; a field that can't be taken is removed."""
    names = {"branch": "branch", "interval": "every", "hook": "webhook", "path": "as"}
    try:
        Source.model_validate(fields)
        bad: set[str] = set()
    except ValidationError as error:
        bad = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
    if "git" in bad:
        draft.say(directive, "its URL isn't one of a repository over https, http or SSH")
        fields["git"] = "https://git.example.org/owner/name"
    for name in bad - {"git"}:
        fields.pop(name, None)
        if name not in names.values() or name == "as":
            draft.say(directive, f"its {name} can't be taken; left out")
    for one in directive.below:
        if one.name in ("then", "then_long"):
            draft.say(one, "Homeport doesn't build what it fetches; commit what is published")
        elif one.name == "hook_type":
            draft.say(one, "GitHub, GitLab, Gitea and Forgejo are told apart without it")
        elif one.name not in ("repo", "url", "key", *names) or names.get(one.name) in bad - {"as"}:
            yield one


def _secret(draft: Draft, directive: Directive, kind: str) -> None:
    draft.say(
        directive,
        f"{_SECRETS[kind]} belongs in no site's file, but encrypted in the stack's, as "
        f"homeport:site_secrets.{draft.name}.{kind}",
    )
