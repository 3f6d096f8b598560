"""The vault as the program reaches it: through the gateway, as people do, with TLS verified."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hvac
import requests
from hvac import exceptions, utils
from hvac.adapters import RawAdapter
from requests.adapters import HTTPAdapter

from components.reach import Door, open_door
from components.vault.server_config import WHOLE
from components.vault.server_reason import half_way
from host.engine import EngineError
from host.provider import Props, ToldError
from values.command_line import make
from values.entrance import Entrance

ANSWERS = "answers"
"""What the property `vault` of its resources is while it answers."""
_CERTIFICATE_PATIENCE = 120  # seconds for a new host's certificate: somebody may set its DNS now
_START_PATIENCE = 15  # seconds for a vault that just started: it unseals itself and elects itself
_LOGIN_PATIENCE = 5  # seconds for a vault that is making its first roles
_TIMEOUT = 15  # seconds for one answer; the gateway would try for a minute
_GLANCE = 5  # seconds for one answer where nobody waits


class VaultError(ToldError):
    """The vault could not be reached or refused; the message says so in one sentence."""


class _HalfWayError(Exception):
    """The vault lacks what its first start makes last."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """All that it takes to reach a vault and to be let in."""

    entrance: Entrance
    host: str
    """The vault's full host name."""
    role_id: Any  # pulumi.Input[str]: a secret, which the provider gets in plain
    secret_id: Any

    @property
    def props(self) -> Props:
        """As a resource's property, by which a refresh reaches the vault as well."""
        return {
            "entrance": self.entrance.model_dump(mode="json", exclude={"plain_hosts"}),
            "host": self.host,
            "role_id": self.role_id,
            "secret_id": self.secret_id,
        }


@contextmanager
def open_vault(reach: Props, *, patient: bool) -> Iterator[hvac.Client]:
    """A client that is logged in as the program. Raises VaultError.

    Where `patient`, a vault or gateway that is still starting is waited for.
    """
    host = reach["host"]
    try:
        entrance = Entrance.model_validate(reach["entrance"])  # the engine's numbers are floats
        with open_door(entrance) as door, requests.Session() as session:
            session.trust_env = False  # no proxy, no netrc
            session.mount("https://", _ThroughDoor(door, host))
            session.headers["Host"] = host
            client = hvac.Client(
                f"https://{host}",
                token="",  # else a person's own from ~/.vault-token
                namespace="",
                timeout=_TIMEOUT if patient else _GLANCE,
                session=session,
            )
            _log_in(client, reach, patient=patient)
            yield client
    except EngineError as error:
        raise VaultError(str(error)) from error
    except (requests.RequestException, exceptions.VaultError) as error:
        raise VaultError(_trouble(error, reach)[0]) from error


def read_data(vault: hvac.Client, path: str) -> dict[str, Any]:
    """The value at a path; nothing if there is none."""
    return _data(vault.read(path))


def read_policy(vault: hvac.Client, name: str) -> str | None:
    """A policy's text, where there is one."""
    return read_data(vault, f"sys/policies/acl/{name}").get("policy")


def write_policy(vault: hvac.Client, name: str, policy: str) -> None:
    """Make a policy, or change it."""
    vault.write_data(f"sys/policies/acl/{name}", data={"policy": policy})


def names_at(vault: hvac.Client, path: str) -> list[str]:
    """The names below a path."""
    return list(_data(vault.list(path)).get("keys", ()))


def _data(answer: Any) -> dict[str, Any]:  # typed as what hvac gives for other statuses as well
    data: dict[str, Any] = answer["data"] if answer else {}
    return data


class _ThroughDoor(HTTPAdapter):
    """Connections to the gateway, whatever the resolver says of the vault's name."""

    def __init__(self, door: Door, host: str) -> None:
        self._pool = door.pool(host)
        super().__init__()

    def get_connection_with_tls_context(self, *_: object, **__: object) -> Any:
        return self._pool

    def cert_verify(self, *_: object) -> None:
        """The door's pool has its own roots."""

    def close(self) -> None:
        self._pool.close()


def _log_in(client: hvac.Client, reach: Props, *, patient: bool) -> None:
    began, pause = time.monotonic(), 1
    while True:
        try:
            _must_be_whole(client)
            client.auth.approle.login(reach["role_id"], reach["secret_id"])
        except (requests.RequestException, exceptions.VaultError, _HalfWayError) as error:
            sentence, patience = _trouble(error, reach)
            if not patient or time.monotonic() - began > patience:
                raise VaultError(sentence) from error
            time.sleep(pause)
            pause = min(2 * pause, 8)
        else:
            return


def _must_be_whole(client: hvac.Client) -> None:
    """Ask before anything is written: a vault that isn't whole can only be emptied."""
    path = f"/v1/{WHOLE}"
    answer = RawAdapter.from_adapter(client.adapter).get(path, raise_exception=False)
    match answer.status_code:
        # 429 where this address has tried too many passwords: the program bounds that, and only in
        # a vault that is whole.
        case 405 | 429:
            return
        # In OpenBao's own words: the gateway says 404 for a host that it doesn't know any more.
        case 403 | 404 if answer.headers.get("Content-Type") == "application/json":
            raise _HalfWayError
        case status:
            utils.raise_for_error("GET", path, status, answer.text)


def _trouble(error: Exception, reach: Props) -> tuple[str, int]:
    """What an error means and what to do, and for how many seconds it may yet pass."""
    host, stack = reach["host"], reach["entrance"]["stack"].rpartition("/")[2]
    logs = make(stack, "logs NAME=vault")
    match error:
        case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY" in str(error):
            return (
                f"{host} answers with a certificate that isn't trusted here; set "
                "homeport:tls.root to the file of certificates that verify it"
            ), _START_PATIENCE
        case requests.exceptions.SSLError():
            return _without_certificate(reach, stack), _CERTIFICATE_PATIENCE
        case requests.exceptions.ReadTimeout() | exceptions.BadGateway():
            return (
                f"the vault doesn't answer at https://{host}, though the gateway does; "
                f"`{logs}` tells why"
            ), 0  # that was time enough
        case requests.RequestException():
            at = Entrance.model_validate(reach["entrance"])
            return (
                f"the gateway doesn't answer at {at.address}:{at.https}, so the vault can't "
                f"be reached; `{make(stack, 'status')}` shows what runs"
            ), _START_PATIENCE
        case _HalfWayError():
            return half_way(stack), _LOGIN_PATIENCE
        case exceptions.VaultNotInitialized():
            return half_way(stack), _START_PATIENCE
        case exceptions.VaultDown():
            return (
                f"the vault is sealed; `{logs}` tells why. If homeport:vault.seal_key isn't the "
                f"key of its storage, set the right key and type `{make(stack, 'up')}`"
            ), _START_PATIENCE
        case exceptions.InvalidRequest() if str(error.url).endswith("/login"):
            return (
                "the vault refuses the program's credential; set homeport:vault.role_id and "
                "homeport:vault.secret_id to those that it was first started with"
            ), _LOGIN_PATIENCE
        case exceptions.Forbidden():
            return f"the vault's policy doesn't let the program do it ({_flat(error)})", 0
        case _:
            return f"the vault answers with an error ({_flat(error)})", _START_PATIENCE


def _flat(error: Exception) -> str:
    """In one line: OpenBao's own words may have several, and tabs."""
    return " ".join(str(error).split())


def _without_certificate(reach: Props, stack: str) -> str:
    host = reach["host"]
    if reach["entrance"]["internal_ca"]:
        logs = make(stack, "logs NAME=router")
        return f"the gateway has no certificate for {host}; `{logs}` tells why"
    return (
        f"{host} has no certificate after {_CERTIFICATE_PATIENCE} s; its DNS record has to lead to "
        f"this server, reachable on ports 80 and 443: set it, then type `{make(stack, 'up')}` again"
    )
