"""Who may do what in the vault: its users, and an end to the access that isn't declared.

The provider class is stored in the state by reference, as `components.vault.access`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import hvac
import pulumi
from hvac import exceptions
from pulumi.dynamic import ReadResult, Resource

from components.vault import backup_role
from components.vault.backup_role import BackupLogin
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
from components.vault.server_config import APPROLE, LOGINS, PROGRAM, USERPASS
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
        "backup",
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
            if login := props.get("backup"):
                _let_in(vault, login)
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
                login = props.get("backup")
                if login and not _is_let_in(vault, login):
                    found["backup"] = _CHANGED
        except VaultError as error:  # it is no reason to hold back what else is refreshed
            found = {"vault": str(error)}
        return ReadResult(id_, {**props, **found})


class VaultAccess(Resource, module="homeport", name="VaultAccess"):
    """People's accounts and policies, the backup's login, and the program's own policy.

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
        backup: BackupLogin | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`environments` are all that are declared (`shop/prod`); policies go by user. `backup` is
        who may read the snapshot, if a backup has to.
        """
        props: dict[str, Any] = {
            "reach": reach.props,
            "named": name,
            "environments": sorted(environments),
            "people": dict(policies),
            "hashes": dict(hashes),
            "program": backup_role.program_policy(backup=backup is not None),
            "tries": "bounded",
            "undeclared": [],
            "vault": ANSWERS,
            **({"backup": backup.props} if backup else {}),
        }
        super().__init__(VaultAccessProvider(), name, props, opts)


def _undeclared(vault: hvac.Client, props: Props) -> Iterator[str]:
    """The paths of everything that grants undeclared access."""
    roles = {role_name(environment) for environment in props["environments"]}
    own = {PROGRAM, *([backup_role.NAME] if props.get("backup") else [])}
    for role in names_at(vault, f"auth/{APPROLE}/role"):
        if role not in roles | own:
            yield f"auth/{APPROLE}/role/{role}"
    for user in names_at(vault, f"auth/{USERPASS}/users"):
        if user not in props["people"]:
            yield f"auth/{USERPASS}/users/{user}"
    policies = {SERVICE_PREFIX + role for role in roles}
    policies |= {PERSON_PREFIX + user for user in props["people"]}
    for policy in names_at(vault, "sys/policies/acl"):
        ours = policy == backup_role.NAME or policy.startswith((SERVICE_PREFIX, PERSON_PREFIX))
        if ours and policy not in policies | own:
            yield f"sys/policies/acl/{policy}"


def _let_in(vault: hvac.Client, login: Mapping[str, str]) -> None:
    """Have the backup's role, with this login alone."""
    write_policy(vault, backup_role.NAME, backup_role.POLICY)
    if not _takes(vault, login):
        vault.delete(backup_role.AT)  # with the login of before
    vault.write_data(backup_role.AT, data=backup_role.ROLE)
    if not _takes(vault, login):
        for key, path in (("role_id", "role-id"), ("secret_id", "custom-secret-id")):
            vault.write_data(f"{backup_role.AT}/{path}", data={key: login[key]})


def _is_let_in(vault: hvac.Client, login: Mapping[str, str]) -> bool:
    role = read_data(vault, backup_role.AT)
    return (
        backup_role.ROLE.items() <= role.items()
        and read_policy(vault, backup_role.NAME) == backup_role.POLICY
        and _takes(vault, login)
    )


def _takes(vault: hvac.Client, login: Mapping[str, str]) -> bool:
    """Whether the vault lets the login in; the program goes on with its own token."""
    try:
        vault.auth.approle.login(login["role_id"], login["secret_id"], use_token=False)
    except (exceptions.InvalidRequest, exceptions.Forbidden):
        return False
    return True


def _is_bounded(vault: hvac.Client) -> bool:
    return _TRIES.items() <= read_data(vault, _LOGINS_AT).items()


def _is_open(vault: hvac.Client, user: str, policy: str) -> bool:
    """Whether an account and its policy are as declared. Its password can't be read."""
    account = read_data(vault, f"auth/{USERPASS}/users/{user}")
    name = PERSON_PREFIX + user
    wanted = {**_USER, "token_policies": [name]}
    return wanted.items() <= account.items() and read_policy(vault, name) == policy
