"""A file of `config/sites/`, read: the site that it declares."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from config.model import ConfigError, problems_of
from config.names import name_problem
from config.places import is_folder
from config.site import Site, SiteFile
from config.yaml_file import YamlFile


def read(file: Path, shown_as: str, root: Path, text: str | None = None) -> Site:
    """The site that `file` declares, or that this text would in its place; folders are looked up
    below `root`.

    Raises ConfigError with every problem of the file.
    """
    if problem := name_problem(file.name, shown_as):
        raise ConfigError([problem])
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
