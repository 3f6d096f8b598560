"""`config/vault.yaml`, read: the keys that the vault shall hold."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from config.model import ConfigError, problems_of
from config.vault import DeclaredKey, VaultFile
from config.yaml_file import YamlFile


def read(file: Path, shown_as: str) -> tuple[DeclaredKey, ...]:
    """All keys that the file declares; none where there is no file.

    Raises ConfigError with every problem.
    """
    if not file.exists():
        return ()
    yaml_file = YamlFile(file, shown_as)
    try:
        services = VaultFile.model_validate(yaml_file.data).services
    except ValidationError as error:
        raise ConfigError(problems_of(error, VaultFile, yaml_file.place)) from error
    return tuple(
        DeclaredKey(
            service=service,
            environment=environment,
            name=name,
            key=key,
            at=yaml_file.place(("services", service, environment, name)),
        )
        for service, environments in services.items()
        for environment, keys in environments.items()
        for name, key in keys.items()
    )
