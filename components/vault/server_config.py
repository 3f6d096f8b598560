"""What OpenBao reads when it starts: its configuration, and what only it may know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import indent

COMPONENT = "vault"
DATA = f"{COMPONENT}-data"
"""The end of its volume's name."""
PORT = 8200
FIGURES_PORT = 8202
"""A listener of its own, because there Prometheus needs no token; the gateway doesn't ask it."""
CONFIG_AT = "/etc/openbao"
DATA_AT = "/var/lib/openbao"
FILE = "bao.hcl"
_AT = f"{CONFIG_AT}/current"

KV_MOUNT = "services"
"""Where the values are, of KV version 2: `services/<service>/<environment>`."""
APPROLE = "approle"
"""Where applications log in, and the program."""
USERPASS = "userpass"
"""Where people log in. The mount is made last of all, so it tells a first start that was whole."""
WHOLE = f"auth/{USERPASS}/login/_"
"""A GET of this path tells everyone whether the first start was complete: 405 if it was, 403 or 404
if not. No user can have this name, because names begin with a letter or digit."""
PROGRAM = "homeport-program"
"""The program's own role, and its policy."""

LOGINS = "homeport-logins"
"""The bound on how often one address may try people's passwords."""

_SEAL_KEY, _PREVIOUS_SEAL_KEY = "seal.key", "previous-seal.key"
_ROLE_ID, _SECRET_ID = "role_id", "secret_id"


def rules(rights: Mapping[str, str]) -> str:
    """A policy, from what may be done by path."""
    return "".join(
        f'path "{path}" {{ capabilities = {json.dumps(given.split())} }}\n'
        for path, given in rights.items()
    )


_RIGHTS = {
    "sys/policies/acl": "list",
    "sys/policies/acl/homeport-*": "create read update delete",
    f"auth/{APPROLE}/role": "list",
    f"auth/{APPROLE}/role/+": "create read update delete",
    f"auth/{USERPASS}/users": "list",
    f"auth/{USERPASS}/users/+": "create read update delete",
    f"{KV_MOUNT}/data/+/+": "create read update",
    f"{KV_MOUNT}/metadata/+/+": "read",
    f"{KV_MOUNT}/undelete/+/+": "update",
    "sys/storage/raft/snapshot": "read update",
    f"sys/quotas/rate-limit/{LOGINS}": "create read update",
}
# Who may write policies and roles could give itself more; this is what the program uses. No
# right removes a version of a value for good (the vault keeps ten), or unmounts what holds them.
PROGRAM_POLICY = rules(_RIGHTS)
"""What the program may do from the first start on."""


@dataclass(frozen=True, kw_only=True)
class VaultKeys:
    """What the vault is opened with."""

    seal_key: str = field(repr=False)
    """32 bytes in hexadecimal."""
    previous_seal_key: str | None = field(repr=False)
    """The one of before, while the storage is sealed anew."""
    role_id: str = field(repr=False)
    secret_id: str = field(repr=False)
    """The program's credential."""


_LISTENERS = f"""\
# TLS ends at the gateway, which alone is reached from outside this network. It says who asks.
listener "tcp" {{
  address         = "0.0.0.0:{PORT}"
  cluster_address = "127.0.0.1:8201"
  tls_disable     = true

  x_forwarded_for_authorized_addrs   = "0.0.0.0/0"
  x_forwarded_for_reject_not_present = false
}}

listener "tcp" {{
  address         = "0.0.0.0:{FIGURES_PORT}"
  cluster_address = "127.0.0.1:8203"
  tls_disable     = true
  telemetry {{
    unauthenticated_metrics_access = true
  }}
}}

telemetry {{
  disable_hostname          = true
  prometheus_retention_time = "1h"
}}
"""


def configuration(keys: VaultKeys) -> str:
    """The configuration. It names keys by their files, and by ids that tell nothing."""
    return f"""\
ui = true

api_addr = "http://{COMPONENT}:{PORT}"

# One server has no peers: its own address among them never changes.
cluster_addr = "https://127.0.0.1:8201"

{_LISTENERS}
storage "raft" {{
  path    = "{DATA_AT}"
  node_id = "{COMPONENT}"

  # It elects itself after one second, not after five.
  performance_multiplier = 1
}}

{_seal(keys)}

# Whoever knows a name would keep its owner out. Nobody guesses an application's 128 bits; how often
# an address may try people's passwords is bounded by a quota, which the program sets.
user_lockout "approle" {{
  disable_lockout = "true"
}}

user_lockout "userpass" {{
  disable_lockout = "true"
}}

audit "file" "stdout" {{
  options {{
    file_path = "stdout"
  }}
}}

{_block('initialize "homeport"', *_first_requests())}
"""


def secret_files(keys: VaultKeys) -> dict[str, str]:
    """The files that the server alone may read."""
    previous = keys.previous_seal_key
    return {
        _SEAL_KEY: keys.seal_key,
        _ROLE_ID: keys.role_id,
        _SECRET_ID: keys.secret_id,
        **({_PREVIOUS_SEAL_KEY: previous} if previous else {}),
    }


def _seal(keys: VaultKeys) -> str:
    given = {"current": (keys.seal_key, _SEAL_KEY)}
    if keys.previous_seal_key:
        given["previous"] = (keys.previous_seal_key, _PREVIOUS_SEAL_KEY)
    lines = []
    for which, (key, file) in given.items():
        # OpenBao knows by it which key it needs, so another key must have another id.
        key_id = hashlib.sha256(key.encode()).hexdigest()[:12]
        lines.append(f'{which}_key_id = "{key_id}"')
        lines.append(f'{which}_key    = "file://{_AT}/{file}"')
    return _block('seal "static"', *lines)


def _first_requests() -> Iterator[str]:
    """What OpenBao does once, on empty storage, with a root token that it then revokes."""
    role = f"auth/{APPROLE}/role/{PROGRAM}"
    # A key that nobody ever sees, so nobody can make a root token. Without one OpenBao would
    # never take another seal key.
    yield _request("recovery_key", "sys/rotate/recovery/init", secret_shares=1, secret_threshold=1)
    yield _request("values", f"sys/mounts/{KV_MOUNT}", type="kv", options={"version": "2"})
    yield _request("approle", f"sys/auth/{APPROLE}", type="approle")
    yield _request("policy", f"sys/policies/acl/{PROGRAM}", policy=PROGRAM_POLICY)
    yield _request(
        "role",
        role,
        token_type="batch",  # noqa: S106 - a kind of token, which is written down nowhere
        token_ttl="20m",  # noqa: S106 - a time
        token_policies=[PROGRAM],
        token_no_default_policy=True,
    )
    yield _request("role_id", f"{role}/role-id", role_id=_from_file(_ROLE_ID))
    yield _request("secret_id", f"{role}/custom-secret-id", secret_id=_from_file(_SECRET_ID))
    # The last one is the mark of a whole first start, which may have been cut off after any of
    # these. The program writes nothing into a vault without it, so one without it is empty.
    yield _request("userpass", f"sys/auth/{USERPASS}", type="userpass")


def _request(name: str, path: str, **data: object) -> str:
    return _block(
        f'request "{name}"',
        'operation = "update"',
        f'path      = "{path}"',
        _block("data =", *(f"{key} = {_value(value)}" for key, value in data.items())),
    )


def _value(value: object) -> str:
    if isinstance(value, dict):
        return _block("", *(f"{key} = {_value(one)}" for key, one in value.items()))
    return json.dumps(value)


def _from_file(name: str) -> dict[str, str]:
    return {"eval_type": "string", "eval_source": "file", "path": f"{_AT}/{name}"}


def _block(head: str, *lines: str) -> str:
    body = "\n".join(lines)
    return f"{head} {{\n{indent(body, '  ')}\n}}".lstrip()
