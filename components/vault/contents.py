"""What the vault holds, and for whom: applied through the gateway, after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.vault.access import VaultAccess
from components.vault.backup_role import BackupLogin
from components.vault.client import Reach
from components.vault.policies import person_policy
from components.vault.service import VaultService


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user of the vault."""

    hash: str = field(repr=False)
    """bcrypt, as `htpasswd` and OpenBao take it."""
    readable: frozenset[str]
    """Environments, each as `shop/prod`."""
    writable: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment of a service."""

    keys: Mapping[str, str]
    """Each key's kind and origin, in words, such as `credential generated`."""
    values: Mapping[str, str] = field(repr=False)
    """Those that are known before the vault is asked."""


@dataclass(frozen=True, kw_only=True)
class VaultContentsArgs:
    """Which vault, and its declared contents."""

    reach: Reach
    environments: Mapping[str, Environment]
    """By service and name: `shop/prod`."""
    people: Mapping[str, Person]
    backup: BackupLogin | None = None
    """What the container that saves the snapshot logs in with, if the stack has one."""
    after: Sequence[pulumi.Resource]
    """What has to run for the vault to answer."""


class VaultContents(pulumi.ComponentResource):
    """Services and people in the vault. What is declared is enforced, what people write kept."""

    def __init__(
        self, name: str, args: VaultContentsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:VaultContents", name, None, opts)
        access = VaultAccess(
            "vault-people",
            reach=args.reach,
            environments=args.environments,
            policies={
                user: person_policy(person.readable, person.writable)
                for user, person in args.people.items()
            },
            hashes={user: pulumi.Output.secret(p.hash) for user, p in args.people.items()},
            backup=args.backup,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        for service, environments in _by_service(args.environments).items():
            VaultService(
                service,
                reach=args.reach,
                keys={
                    f"{each}/{key}": words
                    for each, environment in environments.items()
                    for key, words in environment.keys.items()
                },
                values={
                    f"{each}/{key}": pulumi.Output.secret(value)
                    for each, environment in environments.items()
                    for key, value in environment.values.items()
                },
                opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
            )
        self.register_outputs({})


def _by_service(environments: Mapping[str, Environment]) -> dict[str, dict[str, Environment]]:
    services: dict[str, dict[str, Environment]] = {}
    for path, environment in environments.items():
        service, _, name = path.partition("/")
        services.setdefault(service, {})[name] = environment
    return services
