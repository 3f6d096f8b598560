"""All files of a stack, read once and checked as a whole."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pulumi

from config import (
    backup_section,
    config_size,
    edited,
    estate_problems,
    git_sites,
    images,
    prometheus,
    site_file,
    vault_file,
    vault_values,
)
from config.edited import Edited
from config.estate import Estate
from config.model import ConfigError
from config.services import Service
from config.settings import LOCAL_PASSPHRASE, LOCAL_STACK, PROJECT, ROOT, Settings
from config.site import Site
from config.vault import DeclaredKey
from config.yaml_file import YamlFile
from values import command_line
from values.entrance import Entrance
from values.prometheus import OwnFiles

_T = TypeVar("_T")
_VAULT = "config/vault.yaml"


def of_program() -> Estate:
    """The estate of the stack that the engine is running, with its warnings printed.

    Raises pulumi.RunError, which prints its message without a traceback.
    """
    stack = pulumi.get_stack()
    config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    try:
        _refuse_local_passphrase(stack)
        _refuse_edited_update(stack)
        estate = load(stack, _own(config))
        _refuse_missing_keys(stack, estate.settings)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in warnings(estate):
        pulumi.log.warn(warning)
    return estate


def of_files(stack: str, root: Path = ROOT, laid_over: Edited | None = None) -> Estate:
    """The estate of a stack, read without the engine: secrets stay encrypted.

    Raises ConfigError, also where the stack has no file.
    """
    name = f"Pulumi.{stack}.yaml"
    if not (root / name).exists():
        raise ConfigError([f"there is no stack {stack}: {name} is missing"])
    config = YamlFile(root / name, name).data.get("config") or {}
    if not isinstance(config, dict):
        raise ConfigError([f"{name}: config must be a mapping of keys to values"])
    config_size.check(name, config)
    return load(stack, _own(config), root, laid_over)


def load(
    stack: str,
    config: Mapping[str, object],
    root: Path = ROOT,
    laid_over: Edited | None = None,
) -> Estate:
    """Read every file, with other texts laid over those of sites: by default what a preview was
    given. Raises ConfigError with the problems of all of them at once.
    """
    over = edited.from_environment() if laid_over is None else laid_over
    problems: list[str] = []
    settings = _tried(problems, lambda: Settings.parse(stack, config))
    roles = _tried(problems, lambda: images.read(root / "config/images.yaml", "config/images.yaml"))
    sites = list(_sites(problems, root, over))
    watched = _tried(problems, lambda: prometheus.read(root)) or OwnFiles()
    in_vault: tuple[DeclaredKey, ...] = ()
    answering: Mapping[str, Service] = {}
    if settings:
        sites = [site.located(settings.full_location) for site in sites]
        answering = settings.services
        problems += estate_problems.found(stack, settings, sites, answering.values(), root)
        problems += git_sites.hidden_webhooks(sites)
    if settings and settings.vault:
        in_vault = _tried(problems, lambda: vault_file.read(root / _VAULT, _VAULT)) or ()
    if problems or not settings or not roles:
        raise ConfigError(problems)
    estate = Estate(
        stack=stack,
        settings=settings,
        images=roles,
        services=answering,
        sites=tuple(sites),
        remotes=git_sites.remotes(settings, sites, root),
        watched=watched,
        entrance=_entrance(stack, settings, root),
        in_vault=in_vault,
    )
    # Here, because values come from what all the rest has.
    if unfit := list(vault_values.problems(stack, in_vault, settings, estate.names())):
        raise ConfigError(unfit)
    return estate


def warnings(estate: Estate) -> list[str]:
    """What the files say and what nothing comes of, one sentence each."""
    return [
        *git_sites.warnings(estate.stack, estate.settings, estate.sites, estate.remotes),
        *vault_values.without_value(estate.stack, estate.in_vault, estate.settings),
        *backup_section.warnings(estate.stack, estate.settings.daily_backup),
    ]


def _tried(problems: list[str], read: Callable[[], _T]) -> _T | None:
    """What was read; None where it has problems, which are kept."""
    try:
        return read()
    except ConfigError as error:
        problems += error.problems
        return None


def _sites(problems: list[str], root: Path, over: Edited) -> Iterator[Site]:
    folder = root / "config/sites"
    names = {file.name for file in folder.glob("[!.]*")} | over.keys()
    for name in sorted(name for name in names if over.get(name, "") is not None):
        read = functools.partial(
            site_file.read, folder / name, f"config/sites/{name}", root, over.get(name)
        )
        if site := _tried(problems, read):
            yield site


def _entrance(stack: str, settings: Settings, root: Path) -> Entrance:
    roots = settings.tls.root
    return Entrance(
        **settings.listen.model_dump(),
        docker_host=settings.docker_host,
        stack=f"{PROJECT}/{stack}",
        plain_hosts=settings.plain_hosts,
        internal_ca=settings.tls.internal,
        roots=(root / roots).read_text(encoding="utf-8") if roots else None,
    )


def _own(config: Mapping[str, object]) -> dict[str, object]:
    """The project's own keys, without their namespace."""
    prefix = f"{PROJECT}:"
    return {key[len(prefix) :]: value for key, value in config.items() if key.startswith(prefix)}


def _refuse_local_passphrase(stack: str) -> None:
    """The published local word would protect nothing of a real stack."""
    file = os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    given = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if given is None and file and Path(file).is_file():
        given = Path(file).read_text(encoding="utf-8", errors="replace").strip()
    if stack != LOCAL_STACK and given == LOCAL_PASSPHRASE:
        raise ConfigError(
            [
                f"stack {stack}: its passphrase is the local stack's published word, which "
                "protects nothing; change it with "
                f"`{command_line.pulumi(stack, 'stack change-secrets-provider passphrase')}`"
            ]
        )


def _refuse_edited_update(stack: str) -> None:
    """What goes live stands in the files. The local stack is where somebody tries what doesn't."""
    given = os.environ.get(edited.VARIABLE)
    if given and stack != LOCAL_STACK and not pulumi.runtime.is_dry_run():
        raise ConfigError(
            [f"{edited.VARIABLE} is for previews, and for the stack {LOCAL_STACK}; unset it"]
        )


def _refuse_missing_keys(stack: str, settings: Settings) -> None:
    """Only the program needs them: commands run without, the one that makes them first of all."""
    daily = settings.daily_backup
    lacking = {
        "vault": settings.vault.missing if settings.vault else [],
        "backup": daily.missing(vault=bool(settings.vault)) if daily else [],
    }
    problems = [
        f"Pulumi.{stack}.yaml: {PROJECT}:{section} has no {', '.join(missing)}; "
        f"`{command_line.make(stack, f'{section}-key')}` makes what is missing"
        for section, missing in lacking.items()
        if missing
    ]
    problems += [
        f"Pulumi.{stack}.yaml: {PROJECT}:users.{name} has no hash; "
        f"`{command_line.make(stack, f'user NAME={name}')}` makes it"
        for name, user in settings.users.items()
        if user.hash is None
    ]
    if problems:
        raise ConfigError(problems)
