"""The vault starts by itself, for ever, and keeps what it holds. The tests run in this order."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from docker.models.containers import Container
from hvac.exceptions import InvalidPath, InvalidRequest

from tests.e2e.checkout import ROOT, WELCOME_MARKER, Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.vault import connect
from tests.e2e.support.waiting import wait_until
from tests.e2e.whole import Whole

# What follows doesn't depend on how the host is reached.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)

KEYS = ("seal_key", "role_id", "secret_id")
VALUES = {
    f"till/{environment}": {
        "api_token": f"{environment}-{secrets.token_hex(8)}",
        "grüße": '"{$X}\n',
    }
    for environment in ("local", "prod")
}
"""What the tests write, by path."""


@dataclass
class Vault:
    """A stack with a vault, and the vault's API as people reach it."""

    checkout: Checkout
    refused: str
    """What a preview said before the keys were made."""
    keys: dict[str, str] = field(repr=False)
    other: object
    """The section of the stack's file with another seal key."""
    told: str = ""
    """All that updates and commands printed."""

    def run(self, name: str, *arguments: str, check: bool = True) -> CompletedProcess[str]:
        """What `make NAME` runs, with what it prints kept for the search."""
        done = self.checkout.command(name, *arguments, check=check)
        self.told += done.stdout
        return done

    def up(self, *, check: bool = True) -> str:
        """`make up`: what it printed."""
        return self.run("up", check=check).stdout

    @property
    def container(self) -> Container:
        return containers.one(self.checkout.docker, self.checkout.label, "vault")

    def ask(self, method: str, path: str, data: object = None, *, token: str = "") -> Any:
        """The answer of the API through the gateway, which must be a good one."""
        client = connect(
            "vault.localhost",
            address=(self.checkout.place.address, self.checkout.https),
            ca=self.checkout.ca,
        )
        client.token = token
        return client.adapter.request(method.lower(), f"/v1/{path}", json=data)

    def login(self) -> str:
        """A token of the program."""
        given = {key: self.keys[key] for key in ("role_id", "secret_id")}
        return str(self.ask("POST", "auth/approle/login", given)["auth"]["client_token"])

    def write(self) -> None:
        token = self.login()
        for path, data in VALUES.items():
            self.ask("POST", f"services/data/{path}", {"data": data}, token=token)

    def digest(self) -> str:
        """A digest of all that was written, versions and times included."""
        token = self.login()
        told = [self.ask("GET", f"services/data/{path}", token=token)["data"] for path in VALUES]
        assert [each["data"] for each in told] == list(VALUES.values())
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def lose(self) -> None:
        """Take the server and all that it stored away, behind everybody's back."""
        self.container.remove(force=True, v=True)
        self.checkout.docker.volumes.get(f"homeport-{self.checkout.stack}-vault-data").remove()


@pytest.fixture(scope="module")
def vault(
    place: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vault]:
    """A stack that is up, with a vault that holds `VALUES`."""
    if place.name == "ssh":
        yield _of_the_whole(request.getfixturevalue("whole"))
        return
    folder: Path = tmp_path_factory.mktemp(f"vault-{place.name}") / "checkout"
    checkout = Checkout(folder, place, stack_name(f"vault-server-{place.name}"))
    (folder / "config/vault.yaml").unlink()  # what the tests write is nobody's
    # A start that fails is waited for as well, and four of them do.
    wrapper = folder / "host/container.py"
    patience = 'wait_timeout=15 if args.component == "vault" else 60'
    wrapper.write_text(wrapper.read_text().replace("wait_timeout=60", patience))
    try:
        checkout.configure(vault={})
        refused = checkout.pulumi("preview", check=False).stdout
        checkout.command("vault-key")
        file = folder / f"Pulumi.{checkout.stack}.yaml"
        checkout.extra["vault"] = yaml.safe_load(file.read_text())["config"]["homeport:vault"]
        keys = {
            key: checkout.pulumi("config", "get", "--path", f"homeport:vault.{key}").stdout.strip()
            for key in KEYS
        }
        own = checkout.extra["vault"]
        keys["another seal key"] = secrets.token_hex(32)
        checkout.set_secrets({"vault.seal_key": keys["another seal key"]})
        other, checkout.extra["vault"] = checkout.extra["vault"], own
        checkout.configure()
        checkout.up()
        vault = Vault(checkout, refused, keys, other)
        vault.write()
        yield vault
    finally:
        checkout.close()


def _of_the_whole(whole: Whole) -> Vault:
    """The vault of a stack with every part, which holds `VALUES` beside what is declared."""
    secrets = whole.vaulted.secrets
    names = ("the seal key", "the program's role id", "the program's secret id")
    keys = {key: secrets[name] for key, name in zip(KEYS, names, strict=True)}
    vault = Vault(whole.checkout, refused="", keys=keys, other=None)
    vault.write()
    return vault


@pytest.fixture(scope="module")
def search(vault: Vault) -> Iterator[LeakSearch]:
    """Looks for the secrets from here on."""
    values = {path: value["api_token"] for path, value in VALUES.items()}
    with LeakSearch(vault.keys | values) as search:
        yield search


# --- The keys


@once
def test_a_preview_without_keys_names_the_command_that_makes_them(vault: Vault) -> None:
    stack = vault.checkout.stack
    assert (
        f"Pulumi.{stack}.yaml: homeport:vault has no seal_key, role_id, secret_id; "
        f"`make vault-key STACK={stack}` makes what is missing" in vault.refused
    )
    assert "Traceback" not in vault.refused


@once
def test_keys_that_are_there_are_never_made_anew(vault: Vault, search: LeakSearch) -> None:
    file = vault.checkout.folder / f"Pulumi.{vault.checkout.stack}.yaml"
    before = file.read_bytes()
    assert "already has every secret that opens the vault" in vault.run("vault-key").stdout
    assert file.read_bytes() == before


# --- What its first start left


@once
def test_no_root_token_is_valid(vault: Vault) -> None:
    program = vault.login()
    rights = {"auth/token/accessors": ["list", "sudo"], "auth/token/lookup-accessor": ["update"]}
    policy = "".join(
        f'path "{path}" {{ capabilities = {json.dumps(can)} }}\n' for path, can in rights.items()
    )
    vault.ask("POST", "sys/policies/acl/homeport-looks", {"policy": policy}, token=program)
    who = {"password": "looks-for-tokens", "token_policies": ["homeport-looks"]}
    vault.ask("POST", "auth/userpass/users/looks", who, token=program)
    try:
        looking = vault.ask("POST", "auth/userpass/login/looks", who)["auth"]["client_token"]
        found = vault.ask("LIST", "auth/token/accessors", token=looking)["data"]["keys"]
        policies = [
            vault.ask("POST", "auth/token/lookup-accessor", {"accessor": one}, token=looking)[
                "data"
            ]["policies"]
            for one in found
        ]
    finally:
        vault.ask("DELETE", "auth/userpass/users/looks", token=program)
        vault.ask("DELETE", "sys/policies/acl/homeport-looks", token=program)
    assert ["default", "homeport-looks"] in policies, "the list has the token that asked for it"
    assert not [each for each in policies if "root" in each]


@once
def test_prometheus_needs_no_token_and_visitors_learn_nothing(vault: Vault) -> None:
    figures = "v1/sys/metrics?format=prometheus"
    ask = f"wget -q -O - 'http://vault:8202/{figures}'"
    assert "vault_core_unsealed" in containers.run_in(vault.container, ask)
    url = vault.checkout.url("vault")
    assert vault.checkout.get(url + figures).status in (400, 403)
    assert vault.checkout.get(f"{url}ui/").status == 200


@once
def test_the_audit_log_says_who_asked_for_what_and_no_value(vault: Vault) -> None:
    token = vault.login()
    vault.ask("GET", "services/data/till/prod", token=token)
    log = vault.container.logs().decode()
    asked = [json.loads(line) for line in log.splitlines() if '"services/data/till/prod"' in line]
    assert {"request", "response"} <= {entry["type"] for entry in asked}
    router = containers.one(vault.checkout.docker, vault.checkout.label, "router")
    accesses = containers.access_log(router)
    for printed in (accesses, router.logs().decode()):
        assert token not in printed
        assert "vault-token" not in printed.lower()
    came = [json.loads(line) for line in accesses.splitlines() if '"/v1/services/data/' in line]
    assert {entry["request"]["remote_address"] for entry in asked} == {
        entry["request"]["client_ip"] for entry in came
    }
    assert VALUES["till/prod"]["api_token"] not in log


@once
def test_a_vault_that_was_initialised_is_never_emptied(vault: Vault) -> None:
    before = vault.digest()
    refused = vault.run("vault-reset", check=False)
    assert refused.returncode == 1
    assert "the vault's first start was complete" in refused.stdout
    # Nor one in which somebody's name was tried too often, whatever it is: nobody is locked out.
    token = vault.login()
    vault.ask("POST", "auth/userpass/users/nobody", {"password": "nobodys"}, token=token)
    try:
        for _ in range(6):
            with pytest.raises(InvalidRequest):
                vault.ask("POST", "auth/userpass/login/nobody", {"password": "wrong"})
        assert vault.ask("POST", "auth/userpass/login/nobody", {"password": "nobodys"})["auth"]
        assert vault.run("vault-reset", check=False).returncode == 1
    finally:
        vault.ask("DELETE", "auth/userpass/users/nobody", token=token)
    # Nor one that doesn't run.
    vault.container.stop()
    assert vault.run("vault-reset", check=False).returncode == 1
    vault.container.start()
    wait_until(lambda: vault.digest() == before, "the vault holds what it held")


# --- It comes back


@once
@pytest.mark.parametrize("way", ["killed", "hung", "restarted"])
def test_it_comes_back_unsealed_with_nobody_there(vault: Vault, way: str) -> None:
    before = vault.digest()
    containers.wait_healthy(vault.checkout.docker, vault.checkout.label, "vault")
    started = vault.container.attrs["State"]["StartedAt"]
    if way == "restarted":
        vault.container.restart()
    else:
        containers.signal_service(vault.container, "KILL" if way == "killed" else "STOP")
    wait_until(
        lambda: vault.container.attrs["State"]["StartedAt"] != started, "it was started again"
    )
    wait_until(lambda: vault.digest() == before, "the vault holds what it held")


@once
def test_destroy_keeps_keys_and_data(vault: Vault) -> None:
    before = vault.digest()
    vault.run("down")
    vault.told += vault.checkout.apply()
    assert vault.digest() == before


# --- Another seal key


@once
def test_another_seal_key_is_told_while_the_rest_deploys(vault: Vault, search: LeakSearch) -> None:
    vault.run("vault-snapshot", "--file", str(vault.checkout.folder / "before.snap"))
    vault.checkout.configure(vault=vault.other)
    vault.checkout.write_site("beside", "hosts: [beside]\nsource: {folder: sites/welcome}\n")
    failed = vault.run("up", check=False)
    assert failed.returncode == 1
    assert [line for line in failed.stdout.splitlines() if line.startswith("vault: ")] == [
        f"vault: it is sealed, because homeport:vault.seal_key in Pulumi.{vault.checkout.stack}"
        ".yaml isn't the key that its storage was sealed with; set that key again; to change the "
        "key, keep the old one as homeport:vault.previous_seal_key meanwhile (docs/how-to/vault.md)"
    ]
    vault.checkout.serves(vault.checkout.url("beside"), WELCOME_MARKER)


@once
def test_the_seal_key_is_rotated_as_the_page_says(vault: Vault) -> None:
    vault.checkout.configure()
    file = vault.checkout.folder / f"Pulumi.{vault.checkout.stack}.yaml"
    old = yaml.safe_load(file.read_text())["config"]["homeport:vault"]["seal_key"]
    page = (ROOT / "docs/how-to/vault.md").read_text()
    lines = page.partition("## Changing the seal key")[2].split("```")[1].strip().splitlines()
    # Typed without the passphrase, they leave the only key where it is.
    typed = "\n".join(line for line in lines[:3] if line.startswith(("pulumi", "grep")))
    before = file.read_bytes()
    without = "export PULUMI_CONFIG_PASSPHRASE=wrong\n" + typed.replace(
        "--stack prod", f"--stack {vault.checkout.stack}"
    )
    assert vault.checkout.run("bash", "-c", without, check=False).returncode != 0
    assert file.read_bytes() == before
    for line in "\n".join(lines).replace("STACK=prod && ", "STACK=prod\n").splitlines():
        if made := re.fullmatch(r"make (\S+) STACK=prod", line):
            vault.run(made[1])
        else:
            argv = line.replace("--stack prod", f"--stack {vault.checkout.stack}")
            vault.told += vault.checkout.run("bash", "-euo", "pipefail", "-c", argv).stdout
    section = yaml.safe_load(file.read_text())["config"]["homeport:vault"]
    assert set(section) == set(KEYS)
    assert section["seal_key"] != old
    held = vault.digest()
    snapshot = str(vault.checkout.folder / "before.snap")
    refused = vault.run("vault-restore", "--file", snapshot, check=False)
    assert refused.returncode == 1
    assert "before.snap was sealed with another key than homeport:vault.seal_key" in refused.stdout
    assert vault.digest() == held


# --- A first start that fails, and a snapshot on an empty volume


def test_a_snapshot_restored_on_an_empty_volume_is_equal(vault: Vault, place: Place) -> None:
    before = vault.digest()
    file = vault.checkout.folder / "vault.snap"
    assert f"wrote {file}" in vault.run("vault-snapshot", "--file", str(file)).stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert vault.run("vault-snapshot", "--file", str(file), check=False).returncode == 1, (
        "it is overwritten"
    )
    vault.lose()
    if place.name == "socket":
        fails = (
            "vault: its first start failed half-way, so nothing is stored yet, and it can't be "
            f"repaired; `make vault-reset STACK={vault.checkout.stack}` empties its storage, then "
            f"`make up STACK={vault.checkout.stack}` starts anew"
        )
        _begins_badly_and_is_reset(vault, ("custom-secret-id", "no-such-thing"), fails)
        # Cut off after the initialisation, before the last of all that shall be made.
        cut = '    yield _request("userpass"'
        _begins_badly_and_is_reset(vault, (cut, f"    return\n{cut}"), fails)
    vault.up()
    with pytest.raises(InvalidPath):
        vault.digest()
    vault.run("vault-restore", "--file", str(file))
    began = time.monotonic()
    assert vault.digest() == before
    assert time.monotonic() - began < 4, "OpenBao restores for five seconds at least"


def _begins_badly_and_is_reset(vault: Vault, change: tuple[str, str], sentence: str) -> None:
    """Start it for the first time with another list of first requests, and empty it."""
    code = vault.checkout.folder / "components/vault/server_config.py"
    good = code.read_text()
    assert change[0] in good
    code.write_text(good.replace(*change))
    try:
        failed = vault.run("up", check=False)
    finally:
        code.write_text(good)
    assert failed.returncode == 1
    assert sentence in failed.stdout
    vault.checkout.serves(vault.checkout.url("welcome"), WELCOME_MARKER)
    assert "emptied" in vault.run("vault-reset").stdout


@once
def test_the_stack_settles_and_no_secret_appeared(vault: Vault, search: LeakSearch) -> None:
    vault.checkout.assert_changes_nothing()
    search.assert_absent(
        state=vault.checkout.pulumi("stack", "export").stdout,
        texts={"engine log": vault.told},
        clients=[vault.checkout.docker],
        stack=vault.checkout.label,
        files=[vault.checkout.folder / f"Pulumi.{vault.checkout.stack}.yaml"],
    )
