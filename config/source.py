"""Where a site's content comes from."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.places import AT_HTTP, AT_SSH, Inside, inside
from values.model import FieldsError, Model, matching
from values.time import seconds


def _in_web_root(text: str) -> str:
    return "" if text == "." else inside(text)


_OF_THE_SYSTEM = ("dev", "proc", "run", "sys")


def _absolute(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ValueError("must be an absolute path without .., such as /srv/photos")
    if path.parts[1] in _OF_THE_SYSTEM or path.parts[1:3] == ("var", "run"):
        raise ValueError("is the system's own, with its sockets; name a folder of files")
    return path.as_posix()


GitUrl = Annotated[
    str,
    matching(
        rf"({AT_HTTP}|{AT_SSH})[^\s@]+",
        "a repository's URL without a password, such as https://github.com/owner/name",
    ),
]
Ref = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a name of letters, digits, dots and slashes")
]


PLACES = ("folder", "host_folder", "git")
"""Where content can come from: one of them."""
REFS: tuple[Literal["branch"], Literal["tag"], Literal["commit"]] = ("branch", "tag", "commit")
OF_GIT = ("branch", "tag", "commit", "directory", "as", "every", "webhook")


class Source(Model):
    """Exactly one of `folder`, `host_folder` and `git`."""

    folder: Inside | None = Field(default=None, examples=["sites/blog"])
    """A folder of this repository."""
    host_folder: Annotated[str, AfterValidator(_absolute)] | None = Field(
        default=None, examples=["/srv/photos"]
    )
    """A folder of the Docker host, mounted read-only. It is never created or changed."""
    git: GitUrl | None = Field(default=None, examples=["https://github.com/owner/name"])
    """A repository's URL, over https, http or SSH, without a password or token."""
    branch: Ref | None = Field(default=None, examples=["main"])
    """The branch that is published; by default the repository's own default."""
    tag: Ref | None = Field(default=None, examples=["v1.2"])
    """A tag instead of a branch."""
    commit: (
        Annotated[
            str, matching(r"[0-9a-f]{40}([0-9a-f]{24})?", "all 40 digits of it, or 64 of SHA-256")
        ]
        | None
    ) = Field(default=None, examples=["8c2d31f0a6e94b7f5d1c0e3b9a8f7d6c5b4a3928"])
    """A commit instead of a branch: all 40 digits, or 64 in a SHA-256 repository."""
    directory: Inside | None = Field(default=None, examples=["public/html"])
    """The folder of the repository that is published; by default all of it."""
    as_: Annotated[str, AfterValidator(_in_web_root)] | None = Field(
        default=None, alias="as", examples=["new"]
    )
    """The folder of the web root that it is published to; by default the path that all hosts of the
    site have, or the top (`.`)."""
    every: Annotated[str, matching(r"[1-9][0-9]{0,4}[smh]", "a time such as 15m")] = Field(
        default="15m", examples=["1h"]
    )
    """How often the publisher asks the repository for new commits."""
    webhook: (
        Annotated[str, matching(r"(/(?!\.\.?(/|\Z))[A-Za-z0-9._~-]+)+", "a path such as /push")]
        | None
    ) = Field(default=None, examples=["/push"])
    """The path, on each of the site's hosts, to which the git server announces pushes."""

    @property
    def seconds(self) -> int:
        """How often the publisher asks the repository for new commits."""
        return seconds(self.every)

    @property
    def ref(self) -> tuple[Literal["branch", "tag", "commit"], str] | None:
        """What of the repository is published; None is its default branch."""
        for kind in REFS:
            if name := getattr(self, kind):
                return kind, name
        return None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in PLACES if getattr(self, name)]
        if not given:
            raise ValueError(
                f"none of {', '.join(PLACES)} is given; add one, such as folder: sites/blog"
            )
        if len(given) > 1:
            raise FieldsError(given, "only one of them can be given; keep one")
        set_names = {"as" if name == "as_" else name for name in self.model_fields_set}
        if not self.git and (stray := [name for name in OF_GIT if name in set_names]):
            raise FieldsError(stray, "only for a git source; leave it out")
        refs = [name for name in REFS if getattr(self, name)]
        if len(refs) > 1:
            raise FieldsError(refs, "only one of them can be given; keep one")
        return self
