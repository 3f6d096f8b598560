"""The images that run, by role: `config/images.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from config.model import ConfigError, problems_of
from config.yaml_file import YamlFile
from values.images import Images


def read(file: Path, shown_as: str) -> Images:
    """Raises ConfigError with every problem of the file."""
    yaml_file = YamlFile(file, shown_as)
    try:
        return Images.model_validate(yaml_file.data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Images, yaml_file.place)) from error
