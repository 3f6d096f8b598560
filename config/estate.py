"""All that `config/` and the stack file say, read once and checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pulumi

from config.images import Images
from config.model import ConfigError
from config.settings import LOCAL_PASSPHRASE, LOCAL_STACK, PROJECT, ROOT, Settings
from config.site import Site
from config.yaml_file import YamlFile


@dataclass(frozen=True, kw_only=True)
class Estate:
    """One stack, fully described: data that the composition root hands to the components."""

    stack: str
    settings: Settings
    images: Images
    sites: tuple[Site, ...]

    @classmethod
    def of_program(cls) -> Estate:
        """The estate of the stack that the engine is running.

        Raises pulumi.RunError, which prints its message without a traceback.
        """
        stack = pulumi.get_stack()
        config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
        try:
            _refuse_local_passphrase(stack)
            return cls.load(stack, _own(config))
        except ConfigError as error:
            raise pulumi.RunError(str(error)) from None

    @classmethod
    def of_files(cls, stack: str, root: Path = ROOT) -> Estate:
        """The estate of a stack, read without the engine: secrets stay encrypted.

        Raises ConfigError, also where the stack has no file.
        """
        name = f"Pulumi.{stack}.yaml"
        if not (root / name).exists():
            raise ConfigError([f"there is no stack {stack}: {name} is missing"])
        config = YamlFile(root / name, name).data.get("config") or {}
        if not isinstance(config, dict):
            raise ConfigError([f"{name}: config must be a mapping of keys to values"])
        return cls.load(stack, _own(config), root)

    @classmethod
    def load(cls, stack: str, config: Mapping[str, object], root: Path = ROOT) -> Estate:
        """Read every file. Raises ConfigError with the problems of all of them at once."""
        problems: list[str] = []
        settings = images = None
        try:
            settings = Settings.parse(stack, config)
        except ConfigError as error:
            problems += error.problems
        try:
            images = Images.read(root / "config/images.yaml", "config/images.yaml")
        except ConfigError as error:
            problems += error.problems
        sites = []
        for file in sorted((root / "config/sites").glob("[!.]*")):
            try:
                sites.append(Site.read(file, f"config/sites/{file.name}", root))
            except ConfigError as error:
                problems += error.problems
        if settings:
            problems += _hosts_declared_twice(settings, sites)
            problems += _local_is_reachable_from_outside(stack, settings.listen.address)
        if problems or not settings or not images:
            raise ConfigError(problems)
        return cls(stack=stack, settings=settings, images=images, sites=tuple(sites))

    def urls(self) -> list[dict[str, str]]:
        """All that the stack serves: name, kind and URL, as visitors type it."""
        return [
            {"name": site.name, "kind": "site", "url": self.settings.public_url(host)}
            for site in self.sites
            for host in self.settings.full_hosts(site.hosts)
        ]


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
                f"`pulumi stack change-secrets-provider passphrase --stack {stack}`"
            ]
        )


def _local_is_reachable_from_outside(stack: str, address: IPv4Address) -> list[str]:
    if stack != LOCAL_STACK or address.is_loopback:
        return []
    return [
        f"Pulumi.{stack}.yaml: {PROJECT}:listen.address is {str(address)!r}: the local stack "
        "listens on loopback alone; set it to 127.0.0.1, or use a stack of another name"
    ]


def _hosts_declared_twice(settings: Settings, sites: list[Site]) -> list[str]:
    problems = []
    owners: dict[str, str] = {}
    for site in sites:
        for full in settings.full_hosts(site.hosts):
            if full not in owners:
                owners[full] = site.name
            elif owners[full] == site.name:
                problems.append(
                    f"config/sites/{site.name}.yaml: hosts has {full!r} twice; keep one"
                )
            else:
                problems.append(
                    f"config/sites/{site.name}.yaml: hosts has {full!r}, which "
                    f"config/sites/{owners[full]}.yaml has as well; keep it in one of them"
                )
    return problems
