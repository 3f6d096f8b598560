"""What one stack gives the keys of `config/vault.yaml`, and whether it fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from config.settings import PROJECT, Settings
from config.vault import DeclaredKey, unfit
from values import command_line

_USER = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")


def known_values(
    keys: Sequence[DeclaredKey], settings: Settings, urls: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Every value that is known before the vault is asked, by environment (`shop/prod`) and key.

    `urls` are those of the estate, by the name of their service or site.
    """
    given = dict(_given(settings))
    values: dict[str, dict[str, str]] = {key.path: {} for key in keys}
    for key in keys:
        match key.key.origin:
            case "written":
                values[key.path][key.name] = key.key.text
            case "of":
                values[key.path][key.name] = urls[key.key.text]
            case "from config" if key.dotted in given:
                values[key.path][key.name] = given[key.dotted].get_secret_value()
    return values


def problems(
    stack: str, keys: Sequence[DeclaredKey], settings: Settings, urls: Mapping[str, str]
) -> Iterator[str]:
    """What doesn't fit together, one sentence each."""
    from_config = {key.dotted: key.key for key in keys if key.key.origin == "from config"}
    for key in keys:
        if key.key.origin == "of" and key.key.text not in urls:
            yield (
                f"{key.at}: {key.dotted} is {key.key.words!r}: this stack has no service or site "
                f"of that name; there are {', '.join(sorted(urls))}"
            )
    for dotted, value in _given(settings):
        at = f"Pulumi.{stack}.yaml: {PROJECT}:vault.values.{dotted}"
        if dotted not in from_config:
            yield (
                f"{at}: config/vault.yaml has no such key that comes `from config`; "
                "declare it there, or remove it here"
            )
        # Read without the engine, it is closed.
        elif (text := value.get_secret_value()) and (
            problem := unfit(from_config[dotted].kind, text)
        ):
            yield f"{at} is [secret]: {problem}"
    if settings.vault:
        yield from _problems_of_people(stack, keys, settings)


def without_value(stack: str, keys: Sequence[DeclaredKey], settings: Settings) -> Iterator[str]:
    """A sentence for each key that the stack's configuration should give a value, and doesn't."""
    given = dict(_given(settings))
    for key in keys:
        if key.key.origin == "from config" and key.dotted not in given:
            at = f"--secret --path {PROJECT}:vault.values.{key.dotted}"
            yield (
                f"{key.at}: {key.dotted} has no value in stack {stack}, so its vault doesn't hold "
                f"it; `{command_line.pulumi(stack, 'config set', at)}` gives it one"
            )


def _problems_of_people(
    stack: str, keys: Sequence[DeclaredKey], settings: Settings
) -> Iterator[str]:
    paths = dict.fromkeys(key.path for key in keys)
    for name, user in settings.users.items():
        at = f"Pulumi.{stack}.yaml: {PROJECT}:users.{name}"
        if not user.vault.empty and not _USER.fullmatch(name):
            yield (
                f"{at}.vault: the vault takes only names of a-z, 0-9, ., _ and -, with a letter "
                "or digit at both ends; give this person another name"
            )
        for field, scope in user.vault.unknown(paths):
            yield (
                f"{at}.vault.{field} has {scope!r}, and config/vault.yaml declares "
                f"{', '.join(paths) or 'nothing'}"
            )


def _given(settings: Settings) -> Iterator[tuple[str, SecretStr]]:
    for service, environments in (settings.vault.values if settings.vault else {}).items():
        for environment, values in environments.items():
            for name, value in values.items():
                yield f"{service}.{environment}.{name}", value
