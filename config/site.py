"""One website: a file in `config/sites/`, named after the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from config.hosts import canonical_host
from config.model import ConfigError, Model, problems_of
from config.yaml_file import YamlFile

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?\Z")

# Names of the other components: labels and volumes are told apart by them.
_RESERVED = {"host", "proxy", "publisher", "registry", "vault", "prometheus", "smoke"}

Host = Annotated[str, AfterValidator(canonical_host)]


def _relative(text: str) -> str:
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a folder of this repository, such as sites/blog")
    return path.as_posix()


def _at_least_one(hosts: tuple[str, ...]) -> tuple[str, ...]:
    # Not `min_length`: it counts valid hosts, and complains a second time about each bad one.
    if not hosts:
        raise ValueError("must have at least one host, such as [blog]")
    return hosts


class Source(Model):
    """Where a site's content comes from."""

    folder: Annotated[str, AfterValidator(_relative)] = Field(examples=["sites/blog"])
    """A folder of this repository, relative to its top, such as `sites/blog`."""


class SiteFile(Model):
    """What a site's file says."""

    hosts: Annotated[tuple[Host, ...], AfterValidator(_at_least_one)] = Field(examples=["[blog]"])
    """Host names the site answers to. One label (`blog`) means below the stack's domain."""

    source: Source = Field(examples=["{folder: sites/blog}"])


class Site(SiteFile):
    """A website: what its file says, and its name, which is the file's without `.yaml`."""

    name: str

    @classmethod
    def read(cls, file: Path, shown_as: str, root: Path) -> Site:
        """The site that `file` declares; folders are looked up below `root`.

        Raises ConfigError with every problem of the file.
        """
        if file.suffix != ".yaml":
            raise ConfigError(
                [f"{shown_as}: a site's file ends in .yaml, such as blog.yaml; rename or move it"]
            )
        if not _NAME.match(file.stem):
            raise ConfigError(
                [
                    f"{shown_as}: a site's file name is 1 to 40 lower-case letters, digits, "
                    "hyphens and underscores before .yaml, such as blog.yaml; rename it"
                ]
            )
        if file.stem in _RESERVED:
            raise ConfigError(
                [f"{shown_as}: {file.stem} is the name of a part of Homeport; rename the file"]
            )
        yaml_file = YamlFile(file, shown_as)
        try:
            fields = SiteFile.model_validate(yaml_file.data)
        except ValidationError as error:
            raise ConfigError(problems_of(error, SiteFile, yaml_file.place)) from error
        if not _is_folder(root / fields.source.folder, root):
            place = yaml_file.place(("source", "folder"))
            raise ConfigError(
                [
                    f"{place}: source.folder is {fields.source.folder!r}: there is no such folder "
                    "in this repository; create it, or name one that is there"
                ]
            )
        return cls(name=file.stem, **dict(fields))


def _is_folder(folder: Path, root: Path) -> bool:
    """Whether it is a folder below `root`, also where links lead."""
    try:
        return folder.is_dir() and folder.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a name that no file system takes
        return False
