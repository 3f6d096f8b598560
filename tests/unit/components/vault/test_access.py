"""The backup's login at the vault: who has it, and when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pulumi
import pytest
from hvac import exceptions

from components.vault import access
from components.vault.access import VaultAccessProvider
from components.vault.backup_role import program_policy
from host.provider import Props
from tests.unit.program import Graph, every_service, run_main

LOGIN = {"role_id": "r" * 20, "secret_id": "s" * 20}
ROLE = "auth/approle/role/homeport-backup"
PROPS: Props = {
    "reach": {},
    "environments": [],
    "people": {},
    "hashes": {},
    "program": program_policy(backup=True),
    "backup": LOGIN,
    "tries": "bounded",
    "undeclared": [],
    "vault": "answers",
}
WITHOUT = {key: value for key, value in PROPS.items() if key != "backup"} | {
    "program": program_policy(backup=False)
}


class FakeVault:
    """What is written by path. A role that is removed takes its logins along."""

    def __init__(self) -> None:
        self.written: dict[str, Any] = {}
        self.logins: list[tuple[str, str]] = []

    @property
    def itself(self) -> "FakeVault":
        return self

    auth = approle = itself

    def write_data(self, path: str, *, data: dict[str, Any]) -> None:
        if path == f"{ROLE}/custom-secret-id":
            role_id = self.written[f"{ROLE}/role-id"]["role_id"]
            self.logins.append((role_id, data["secret_id"]))
        self.written[path] = data

    def read(self, path: str) -> Any:
        return {"data": self.written[path]} if path in self.written else None

    def list(self, path: str) -> Any:
        below = {p.removeprefix(f"{path}/") for p in self.written if p.startswith(f"{path}/")}
        return {"data": {"keys": sorted(name for name in below if "/" not in name)}}

    def delete(self, path: str) -> None:
        self.written = {p: data for p, data in self.written.items() if not p.startswith(path)}
        if path == ROLE:
            self.logins = []

    def login(self, role_id: str, secret_id: str, *, use_token: bool) -> None:
        assert not use_token, "the program would go on as the backup"
        if ROLE not in self.written or (role_id, secret_id) not in self.logins:
            raise exceptions.InvalidRequest("invalid role or secret ID")


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    fake = FakeVault()

    @contextmanager
    def opened(_reach: Props, **_: object) -> Iterator[FakeVault]:
        yield fake

    monkeypatch.setattr(access, "open_vault", opened)
    return fake


def found() -> Props:
    outs: Props = VaultAccessProvider().read("vault-people", PROPS).outs or {}
    return outs


def test_the_backup_may_read_the_snapshot_and_nothing_else(vault: FakeVault) -> None:
    VaultAccessProvider().apply(PROPS)
    VaultAccessProvider().apply(PROPS)
    vault.login(**LOGIN, use_token=False)
    assert vault.written[ROLE]["token_policies"] == ["homeport-backup"]
    assert vault.written["sys/policies/acl/homeport-backup"] == {
        "policy": 'path "sys/storage/raft/snapshot" { capabilities = ["read"] }\n'
    }
    assert len(vault.logins) == 1
    assert found() == PROPS


def test_another_login_ends_the_one_of_before(vault: FakeVault) -> None:
    VaultAccessProvider().apply(PROPS)
    other = {**LOGIN, "secret_id": "o" * 20}
    VaultAccessProvider().apply({**PROPS, "backup": other})
    assert vault.logins == [(other["role_id"], other["secret_id"])]
    assert found()["backup"] == "changed in the vault"
    assert VaultAccessProvider().diff("vault-people", found(), PROPS).changes


@pytest.mark.parametrize("changed", [ROLE, "sys/policies/acl/homeport-backup"])
def test_what_somebody_changed_is_a_difference(vault: FakeVault, changed: str) -> None:
    VaultAccessProvider().apply(PROPS)
    vault.written[changed] = {"policy": 'path "*" { capabilities = ["sudo"] }'}
    assert found()["backup"] == "changed in the vault"


def test_without_a_declared_backup_nobody_has_its_role(vault: FakeVault) -> None:
    VaultAccessProvider().apply(PROPS)
    outs = VaultAccessProvider().read("vault-people", WITHOUT).outs or {}
    assert ROLE in outs["undeclared"]
    VaultAccessProvider().apply(WITHOUT)
    assert not [path for path in vault.written if "homeport-backup" in path]
    assert "custom-secret-id" not in vault.written["sys/policies/acl/homeport-program"]["policy"]


SECTION = {"repository": "rest:https://x.org/", "password": "p" * 20}


def of_access(graph: Graph) -> dict[str, Any]:
    (resource,) = graph.of("VaultAccess")
    return dict(resource.inputs)


def test_the_role_is_declared_with_a_time_alone() -> None:
    plain = of_access(every_service())
    on_demand = run_main("local", services=True, settings={"backup": SECTION})
    assert of_access(on_demand) == plain
    nightly = {**SECTION, "at": "03:17", **LOGIN}
    given = of_access(run_main("local", services=True, settings={"backup": nightly}))
    assert given["backup"] != LOGIN, "both are secrets"
    assert "homeport-backup/custom-secret-id" in given["program"]


def test_a_preview_names_the_command_that_makes_what_is_missing() -> None:
    section = {"repository": SECTION["repository"], "at": "03:17"}
    with pytest.raises(pulumi.RunError) as caught:
        run_main("local", services=True, settings={"backup": section})
    assert str(caught.value) == (
        "Pulumi.local.yaml: homeport:backup has no password, role_id, secret_id; "
        "`make backup-key` makes what is missing"
    )
