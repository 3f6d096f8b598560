"""One service's environments in the vault: their values, and the AppRole that reads each.

The provider class is stored in the state by reference, as `components.vault.service`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import hvac
import pulumi
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from components.vault import kv
from components.vault.client import (
    ANSWERS,
    Reach,
    VaultError,
    open_vault,
    read_data,
    read_policy,
    write_policy,
)
from components.vault.policies import SERVICE_PREFIX, role_name, service_policy
from components.vault.server_config import APPROLE
from host.provider import Props, Provider

GENERATED = "generated"
FROM_CONFIG = "from config"

_COMPARED = ("reach", "keys", "values", "policies", "vault")
_CHANGED, _MISSING = "changed in the vault", "missing in the vault"
_ROLE = {"token_type": "batch", "token_ttl": 3600}
"""An application reads when it starts. A batch token costs the storage nothing, and ends by
itself."""
_said: set[str] = set()


class VaultServiceProvider(Provider):
    """Create, update, read of `VaultService`. It has no `check`: a preview asks no vault.

    Deleting is nothing: `destroy` keeps data, and applications their credentials. What is no
    longer declared loses its role with `VaultAccess`, and keeps its versions.
    """

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        # The engine shows of a value that it is secret, changed or not.
        for line in differences(olds, news):
            if line not in _said:  # it asks more than once
                _said.add(line)
                print(line, file=sys.stderr)
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in _COMPARED))

    def create(self, props: Props) -> CreateResult:
        _apply(props, dropped=frozenset())
        return CreateResult(props["service"], outs=props)

    def update(self, _id: str, olds: Props, news: Props) -> UpdateResult:
        _apply(news, dropped=dropped(olds, news))
        return UpdateResult(outs=news)

    def read(self, id_: str, props: Props) -> ReadResult:
        try:
            with open_vault(props["reach"], patient=False) as vault:
                return ReadResult(id_, {**props, **_found(vault, props), "vault": ANSWERS})
        except VaultError as error:  # it is no reason to hold back what else is refreshed
            return ReadResult(id_, {**props, "vault": str(error)})


class VaultService(Resource, module="homeport", name="VaultService"):
    """What `config/vault.yaml` says of a service, in the vault at `services/<service>/…`.

    The state knows every key and where its value comes from, but of the values only those
    that the program was given, encrypted. What people write is kept.
    """

    def __init__(
        self,
        name: str,
        *,
        reach: Reach,
        keys: Mapping[str, str],
        values: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`keys` maps `prod/api_token` to its kind and origin, `values` to its value if known."""
        environments = sorted({key.partition("/")[0] for key in keys})
        props: dict[str, Any] = {
            "reach": reach.props,
            "service": name,
            "keys": dict(keys),
            "values": dict(values),
            "policies": {each: service_policy(f"{name}/{each}") for each in environments},
            "vault": ANSWERS,
        }
        super().__init__(VaultServiceProvider(), name, props, opts)


def differences(olds: Props, news: Props) -> Iterator[str]:
    """A line for each key that differs, without its value."""
    for key in sorted({*olds["keys"], *news["keys"]}):
        if key not in olds["keys"]:
            what = "is new"
        elif key not in news["keys"]:
            what = "isn't declared any more"
        elif any(olds[part].get(key) != news[part].get(key) for part in ("keys", "values")):
            what = "changes"
        else:
            continue
        yield f"vault: {news['service']}: {key} {what}"


def dropped(olds: Props, news: Props) -> frozenset[str]:
    """The keys that the program wrote, and that aren't declared or have no value any more."""
    undeclared = {
        key
        for key, origin in olds["keys"].items()
        if key not in news["keys"] and (key in olds["values"] or origin.endswith(GENERATED))
    }
    without = {
        key
        for key, origin in news["keys"].items()
        if origin.endswith(FROM_CONFIG) and key in olds["values"] and key not in news["values"]
    }
    return frozenset(undeclared | without)


def merged(
    current: Mapping[str, str],
    origins: Mapping[str, str],
    values: Mapping[str, str],
    dropped: frozenset[str],
    generate: Callable[[str], str],
) -> dict[str, str]:
    """The keys and values that an environment must have: its current ones, overwritten by the
    declared ones.

    Calls `generate` for each generated key that is missing.
    """
    kept = {key: value for key, value in current.items() if key not in dropped}
    generated = {
        key: generate(key)
        for key, origin in origins.items()
        if origin.endswith(GENERATED) and key not in current
    }
    return {**kept, **generated, **values}


def _apply(props: Props, *, dropped: frozenset[str]) -> None:
    with open_vault(props["reach"], patient=True) as vault:
        for environment, policy in props["policies"].items():
            path = f"{props['service']}/{environment}"
            role = role_name(path)
            name = SERVICE_PREFIX + role
            write_policy(vault, name, policy)
            vault.auth.approle.create_or_update_approle(
                role, token_policies=[name], mount_point=APPROLE, **_ROLE
            )
            change = partial(
                merged,
                origins=_below(environment, props["keys"]),
                values=_below(environment, props["values"]),
                dropped=frozenset(_below(environment, dict.fromkeys(dropped, ""))),
                generate=partial(kv.as_before_or_new, vault, path),
            )
            kv.write(vault, path, change)


def _found(vault: hvac.Client, props: Props) -> Props:
    """The properties as they are in the vault: every difference by name, and no value."""
    keys: dict[str, str] = {}
    policies: dict[str, str] = {}
    for environment, policy in props["policies"].items():
        path = f"{props['service']}/{environment}"
        policies[environment] = policy if _is_open(vault, path, policy) else _CHANGED
        current = kv.read(vault, path).values
        values = _below(environment, props["values"])
        for key, origin in _below(environment, props["keys"]).items():
            there = key in current or (key not in values and not origin.endswith(GENERATED))
            same = key not in values or current.get(key) == values[key]
            keys[f"{environment}/{key}"] = (origin if same else _CHANGED) if there else _MISSING
    return {"keys": keys, "policies": policies}


def _is_open(vault: hvac.Client, path: str, policy: str) -> bool:
    """Whether an environment's role and policy are as declared."""
    role = role_name(path)
    name = SERVICE_PREFIX + role
    settings = read_data(vault, f"auth/{APPROLE}/role/{role}")
    wanted = {**_ROLE, "token_policies": [name]}
    return wanted.items() <= settings.items() and read_policy(vault, name) == policy


def _below(environment: str, mapping: Mapping[str, str]) -> dict[str, str]:
    """What belongs to an environment, by key."""
    start = f"{environment}/"
    return {key[len(start) :]: value for key, value in mapping.items() if key.startswith(start)}
