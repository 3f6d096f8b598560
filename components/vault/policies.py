"""Who may do what in the vault, as OpenBao's policies. All names are checked before."""

from __future__ import annotations

import json
from collections.abc import Iterable

from components.vault.server_config import APPROLE, KV_MOUNT

SERVICE_PREFIX = "homeport-service-"
PERSON_PREFIX = "homeport-person-"
"""What the policies of services and of people begin with: those of others are left alone."""


def role_name(environment: str) -> str:
    """The AppRole of an environment (`shop/prod`): `shop.prod`. No other role has a dot."""
    return environment.replace("/", ".")


def service_policy(environment: str) -> str:
    """What an application may do: read what its environment holds."""
    return _rule(f"{KV_MOUNT}/data/{environment}", "read")


def person_policy(readable: Iterable[str], writable: Iterable[str]) -> str:
    """What a person may do in each environment, and find them in the browser.

    Who writes one also deletes there what can be brought back, and makes its application's
    credentials, which read no more than that person does.
    """
    writes = frozenset(writable)
    reads = sorted(writes | frozenset(readable))
    rules = [_rule(f"{KV_MOUNT}/metadata/", "list")] if reads else []
    rules += [
        _rule(f"{KV_MOUNT}/metadata/{service}/", "list")
        for service in sorted({environment.partition("/")[0] for environment in reads})
    ]
    for environment in reads:
        if environment not in writes:
            rules.append(_rule(f"{KV_MOUNT}/data/{environment}", "read"))
            continue
        role = f"auth/{APPROLE}/role/{role_name(environment)}"
        rules += [
            _rule(f"{KV_MOUNT}/data/{environment}", "create", "read", "update", "patch", "delete"),
            _rule(f"{KV_MOUNT}/metadata/{environment}", "read"),
            _rule(f"{KV_MOUNT}/undelete/{environment}", "update"),
            _rule(f"{role}/role-id", "read"),
            _rule(f"{role}/secret-id", "update"),
        ]
    return "".join(rules)


def _rule(path: str, *capabilities: str) -> str:
    return f'path "{path}" {{ capabilities = {json.dumps(capabilities)} }}\n'
