"""A file of `config/sites/`, read: the site that it declares."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from config.model import ConfigError, problems_of
from config.names import NAME
from config.places import is_folder
from config.site import Site, SiteFile
from config.yaml_file import YamlFile

# Names of the other components: labels and volumes are told apart by them.
_RESERVED = {
    "host",
    "proxy",
    "router",
    "publisher",
    "registry",
    "pypi",
    "vault",
    "prometheus",
    "alertmanager",
    "blackbox",
    "node-exporter",
    "smoke",
}


def read(file: Path, shown_as: str, root: Path, text: str | None = None) -> Site:
    """The site that `file` declares, or that this text would in its place; folders are looked up
    below `root`.

    Raises ConfigError with every problem of the file.
    """
    if file.suffix != ".yaml":
        raise ConfigError(
            [f"{shown_as}: a site's file ends in .yaml, such as blog.yaml; rename or move it"]
        )
    if not re.fullmatch(NAME, file.stem):
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
    yaml_file = YamlFile(file, shown_as, text)
    try:
        fields = SiteFile.model_validate(yaml_file.data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, SiteFile, yaml_file.place)) from error
    folder = fields.source.folder if fields.source else None
    if folder and not is_folder(root / folder, root):
        place = yaml_file.place(("source", "folder"))
        raise ConfigError(
            [
                f"{place}: source.folder is {folder!r}: there is no such folder "
                "in this repository; create it, or name one that is there"
            ]
        )
    own = {
        "name": file.stem,
        "caddyfile_line": yaml_file.first_line(("caddyfile",)),
        "host_folder_at": yaml_file.place(("source", "host_folder")),
        "hosts_at": tuple(
            yaml_file.place(("hosts", number)) for number in range(len(fields.hosts))
        ),
        "redirect_at": yaml_file.place(("redirect", "to")),
    }
    return Site.model_validate({**yaml_file.data, **own})
