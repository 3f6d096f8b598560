"""The images that run, by role: `config/images.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationError

from config.model import ConfigError, problems_of
from config.yaml_file import YamlFile
from values.model import Model

_REF = re.compile(r"[a-z0-9][a-z0-9._/:-]*:(?!latest\Z)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")


def _exact(text: str) -> str:
    if not _REF.match(text):
        raise ValueError("must be a name and an exact version, such as caddy:2.11.7")
    return text


Ref = Annotated[str, AfterValidator(_exact)]


class Images(Model):
    """Name and exact version of the image of each role."""

    gateway: Ref
    site: Ref
    php: Ref
    publisher: Ref
    registry: Ref
    pypi: Ref
    vault: Ref
    prometheus: Ref
    alertmanager: Ref
    blackbox: Ref
    node_exporter: Ref

    @classmethod
    def read(cls, file: Path, shown_as: str) -> Images:
        """Raises ConfigError with every problem of the file."""
        yaml_file = YamlFile(file, shown_as)
        try:
            return cls.model_validate(yaml_file.data)
        except ValidationError as error:
            raise ConfigError(problems_of(error, cls, yaml_file.place)) from error
