"""Who may do what in the vault: its users, and an end to the access that isn't declared.

The provider class is stored in the state by reference, as `components.vault.access`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import hvac
import pulumi
from pulumi.dynamic import ReadResult, Resource

from components.vault.client import (
    ANSWERS,
    Reach,
    VaultError,
    names_at,
    open_vault,
    read_data,
    read_policy,
    write_policy,
)
from components.vault.policies import PERSON_PREFIX, SERVICE_PREFIX, role_name
from components.vault.server_config import APPROLE, LOGINS, PROGRAM, PROGRAM_POLICY, USERPASS
from host.apply_provider import ApplyProvider
from host.provider import Props

_CHANGED = "changed in the vault"
_USER = {"token_ttl": 12 * 3600, "token_max_ttl": 24 * 3600}
"""A person logs in once a day."""
_LOGINS_AT = f"sys/quotas/rate-limit/{LOGINS}"
_TRIES = {"path": f"auth/{USERPASS}/login/*", "rate": 120, "interval": 60}
"""Logins with a password from one address: so many in so many seconds, for all names together. So
nobody locks another one out by wrong passwords for their name."""


class VaultAccessProvider(ApplyProvider):
    """Create, update, read of `VaultAccess`. It has no `check`: a preview asks no vault.

    Deleting is nothing: `destroy` keeps data, and with it who may read it.
    """

    named_after = "named"
    compared = (
        "reach",
        "environments",
        "people",
        "hashes",
        "program",
        "tries",
        "undeclared",
        "vault",
    )

    def apply(self, props: Props) -> None:
        with open_vault(props["reach"], patient=True) as vault:
            write_policy(vault, PROGRAM, props["program"])
            vault.write_data(_LOGINS_AT, data=_TRIES)
            for user, policy in props["people"].items():
                write_policy(vault, PERSON_PREFIX + user, policy)
                vault.write_data(
                    f"auth/{USERPASS}/users/{user}",
                    data={
                        "password_hash": props["hashes"][user],
                        "token_policies": [PERSON_PREFIX + user],
                        **_USER,
                    },
                )
            for path in _undeclared(vault, props):
                vault.delete(path)

    def read(self, id_: str, props: Props) -> ReadResult:
        try:
            with open_vault(props["reach"], patient=False) as vault:
                people = {
                    user: policy if _is_open(vault, user, policy) else _CHANGED
                    for user, policy in props["people"].items()
                }
                same = read_policy(vault, PROGRAM) == props["program"]
                found: Props = {
                    "people": people,
                    "program": props["program"] if same else _CHANGED,
                    "tries": "bounded" if _is_bounded(vault) else _CHANGED,
                    "undeclared": sorted(_undeclared(vault, props)),
                    "vault": ANSWERS,
                }
        except VaultError as error:  # it is no reason to hold back what else is refreshed
            found = {"vault": str(error)}
        return ReadResult(id_, {**props, **found})


class VaultAccess(Resource, module="homeport", name="VaultAccess"):
    """People's accounts and policies, and the program's own policy.

    Removes roles of environments, policies and accounts that the files don't declare, so that
    forgotten access ends. It comes before the services: if the vault can't be reached, only this
    resource waits and says so.
    """

    def __init__(
        self,
        name: str,
        *,
        reach: Reach,
        environments: Iterable[str],
        policies: Mapping[str, str],
        hashes: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`environments` are all that are declared (`shop/prod`); policies go by user."""
        props: dict[str, Any] = {
            "reach": reach.props,
            "named": name,
            "environments": sorted(environments),
            "people": dict(policies),
            "hashes": dict(hashes),
            "program": PROGRAM_POLICY,
            "tries": "bounded",
            "undeclared": [],
            "vault": ANSWERS,
        }
        super().__init__(VaultAccessProvider(), name, props, opts)


def _undeclared(vault: hvac.Client, props: Props) -> Iterator[str]:
    """The paths of everything that grants undeclared access."""
    roles = {role_name(environment) for environment in props["environments"]}
    for role in names_at(vault, f"auth/{APPROLE}/role"):
        if role not in roles and role != PROGRAM:
            yield f"auth/{APPROLE}/role/{role}"
    for user in names_at(vault, f"auth/{USERPASS}/users"):
        if user not in props["people"]:
            yield f"auth/{USERPASS}/users/{user}"
    policies = {SERVICE_PREFIX + role for role in roles}
    policies |= {PERSON_PREFIX + user for user in props["people"]}
    for policy in names_at(vault, "sys/policies/acl"):
        if policy.startswith((SERVICE_PREFIX, PERSON_PREFIX)) and policy not in policies:
            yield f"sys/policies/acl/{policy}"


def _is_bounded(vault: hvac.Client) -> bool:
    return _TRIES.items() <= read_data(vault, _LOGINS_AT).items()


def _is_open(vault: hvac.Client, user: str, policy: str) -> bool:
    """Whether an account and its policy are as declared. Its password can't be read."""
    account = read_data(vault, f"auth/{USERPASS}/users/{user}")
    name = PERSON_PREFIX + user
    wanted = {**_USER, "token_policies": [name]}
    return wanted.items() <= account.items() and read_policy(vault, name) == policy
