"""A stack with a vault: what its files declare, and clients of it as people and as applications."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, cast

import hvac
import yaml

from tests.e2e.checkout import Checkout
from tests.e2e.support import vault
from tests.e2e.support.passwords import hashed

ODD = {
    "quotes": 'it\'s "quoted" `twice` \\ $HOME',
    "newlines": "-----BEGIN\r\none\ntwo\n\n",
    "placeholder": "{$ENV} {env.HOME} {{ .Values }} ${x}",
    "long": "0123456789abcdef" * 4096,
    "unicode": "Schlüssel 鍵 🔑",
}
"""Values that something on the way could take for its own, by key."""

SERVICES: dict[str, dict[str, dict[str, object]]] = {
    "shop": {
        "local": {
            "port": {"port": 8000},
            "welcome_url": "url of welcome",
            "database_password": "credential generated",
        },
        "prod": {
            "port": {"port": 80},
            "api_token": "credential from config",
            "database_password": "credential generated",
            "mail_password": "credential by hand",
        },
    },
    # A name that ends where the other's begins, and one that has a hyphen where another has a path.
    "shop-prod": {"local": {"name": {"config": "shop-prod"}}},
    "odd": {"local": dict.fromkeys(ODD, "config from config")},
}


class Vaulted:
    """The stack, and what a test asks of its vault."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.services = {name: dict(environments) for name, environments in SERVICES.items()}
        self.passwords = {"ada": "ada-password", "bob": "bob-password", "eve": "eve-password"}
        self.rights: dict[str, Mapping[str, list[str]]] = {
            "ada": {"write": ["*/*"]},
            "bob": {"read": ["shop/local"], "write": ["shop-prod/*"]},
            "eve": {},
        }
        self.secrets = {
            "the seal key": secrets.token_hex(32),
            "the program's role id": secrets.token_hex(16),
            "the program's secret id": secrets.token_hex(16),
            "the token of the shop": f"api-token-{secrets.token_hex(8)}",
        }
        seal_key, role_id, secret_id, token = self.secrets.values()
        self.given = {"shop.prod.api_token": token}
        self.given |= {f"odd.local.{key}": value for key, value in ODD.items()}
        checkout.set_secrets(
            {"vault.seal_key": seal_key, "vault.role_id": role_id, "vault.secret_id": secret_id}
            | {f"vault.values.{key}": value for key, value in self.given.items()}
        )
        self._hashed: dict[str, Any] = {}
        self.write()

    def write(self) -> None:
        """Write what the files declare: services and people."""
        file = self.checkout.folder / "config/vault.yaml"
        file.write_text(yaml.safe_dump({"services": self.services}))
        if new := self.passwords.keys() - self._hashed.keys():
            self.checkout.set_secrets(
                {f"users.{user}.hash": hashed(self.passwords[user]) for user in new}
            )
            self._hashed |= cast("dict[str, Any]", self.checkout.extra["users"])
        users = self.checkout.extra.get("users", {})
        assert isinstance(users, dict)
        others = {user: given for user, given in users.items() if user not in self.passwords}
        self.checkout.extra["users"] = others | {
            user: {**self._hashed[user], "vault": may} for user, may in self.rights.items()
        }
        self.checkout.configure()

    @property
    def section(self) -> dict[str, Any]:
        """The section of the stack's file, which every `configure` keeps."""
        return cast("dict[str, Any]", self.checkout.extra["vault"])

    @property
    def cells(self) -> set[str]:
        """All that is declared, each as `shop/prod`."""
        return {f"{name}/{each}" for name, all_ in self.services.items() for each in all_}

    def client(self) -> hvac.Client:
        """Somebody who isn't logged in."""
        checkout = self.checkout
        return vault.connect(
            "vault.localhost", address=(checkout.place.address, checkout.https), ca=checkout.ca
        )

    def person(self, user: str) -> hvac.Client:
        """A person who is logged in with a password."""
        client = self.client()
        client.auth.userpass.login(user, self.passwords[user])
        return client

    def application(self, cell: str) -> hvac.Client:
        """An application that is logged in, with a credential that ada made for it."""
        ada, role = self.person("ada"), cell.replace("/", ".")
        role_id = ada.auth.approle.read_role_id(role)["data"]["role_id"]
        secret_id = ada.auth.approle.generate_secret_id(role)["data"]["secret_id"]
        client = self.client()
        client.auth.approle.login(role_id, secret_id)
        return client

    def values(self, cell: str, client: hvac.Client | None = None) -> dict[str, str]:
        """What an environment holds; read by ada, where nobody else is given."""
        answer = (client or self.person("ada")).secrets.kv.v2.read_secret_version(
            cell, mount_point="services", raise_on_deleted_version=True
        )
        values: dict[str, str] = answer["data"]["data"]
        return values

    def version(self, cell: str) -> int:
        """The number of an environment's last version."""
        answer = self.person("ada").secrets.kv.v2.read_secret_metadata(cell, "services")
        return int(answer["data"]["current_version"])

    def status(self, client: hvac.Client, cell: str) -> int:
        """The status with which the vault answers a read."""
        response = client.adapter.get(f"/v1/services/data/{cell}", raise_exception=False)
        return 200 if isinstance(response, dict) else int(response.status_code)

    def patch(self, cell: str, **values: str) -> None:
        """What ada writes by hand."""
        self.person("ada").secrets.kv.v2.patch(cell, values, mount_point="services")

    def up(self) -> None:
        """`make up`, which looks what is there first."""
        self.checkout.up()

    def apply(self) -> str:
        """Bring about what the files changed, and nothing else; what the engine prints."""
        return self.checkout.apply()
