"""What the vault holds, and who reads it: from the files, through the gateway, to a client."""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import hvac
import pytest
from hvac import exceptions

from tests.e2e.checkout import ROOT
from tests.e2e.support import containers
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.vaulted import ODD, Vaulted

# hvac's own patch() asks in a way that hvac 3 will change.
pytestmark = pytest.mark.filterwarnings("ignore:The raise_on_deleted_version:DeprecationWarning")
# What follows doesn't depend on how the host is reached.
once = pytest.mark.parametrize("place", ["socket"], indirect=True)


def test_after_the_first_up_an_application_reads_what_is_declared(vaulted: Vaulted) -> None:
    prod = vaulted.values("shop/prod", vaulted.application("shop/prod"))
    assert set(prod) == {"port", "api_token", "database_password"}, "mail_password is set by hand"
    assert (prod["port"], prod["api_token"]) == ("80", vaulted.given["shop.prod.api_token"])
    local = vaulted.values("shop/local", vaulted.application("shop/local"))
    assert local["welcome_url"] == vaulted.checkout.url("welcome", scheme="http").rstrip("/")
    assert len({prod["database_password"], local["database_password"]}) == 2
    assert min(len(prod["database_password"]), len(local["database_password"])) >= 32


def test_odd_values_come_back_equal(vaulted: Vaulted) -> None:
    assert vaulted.values("odd/local") == ODD


def test_a_second_up_changes_nothing(vaulted: Vaulted) -> None:
    before = {cell: vaulted.version(cell) for cell in vaulted.cells}
    vaulted.checkout.assert_changes_nothing()
    assert {cell: vaulted.version(cell) for cell in vaulted.cells} == before


@once
def test_nobody_is_locked_out_by_others_who_try_their_name(vaulted: Vaulted) -> None:
    client = vaulted.client()
    for number in range(8):
        with pytest.raises(exceptions.InvalidRequest):
            client.auth.userpass.login("bob", f"wrong-{number}")
    assert vaulted.person("bob").is_authenticated()


@once
def test_an_address_may_try_so_many_passwords_and_the_program_is_let_in(vaulted: Vaulted) -> None:
    quota = "sys/quotas/rate-limit/homeport-logins"
    few = {"path": "auth/userpass/login/*", "rate": 2, "interval": 60}
    _program(vaulted).write_data(quota, data=few)
    client = vaulted.client()
    for number in range(2):
        with contextlib.suppress(exceptions.InvalidRequest):
            client.auth.userpass.login("bob", f"wrong-{number}")
    with pytest.raises(exceptions.RateLimitExceeded):
        client.auth.userpass.login("bob", vaulted.passwords["bob"])
    assert "tries" in vaulted.checkout.pulumi("preview", "--refresh", "--diff").stdout
    vaulted.up()
    assert vaulted.person("bob").is_authenticated()
    there = _program(vaulted).read(quota)
    assert isinstance(there, dict)
    assert there["data"]["rate"] == 120


def test_each_application_reads_its_own_environment_alone(vaulted: Vaulted) -> None:
    for cell in vaulted.cells:
        application = vaulted.application(cell)
        asked = vaulted.cells | {"shop/staging", "other/local"}
        read = {path: vaulted.status(application, path) for path in asked}
        assert read == {path: 200 if path == cell else 403 for path in asked}
        with pytest.raises(exceptions.Forbidden):
            application.secrets.kv.v2.patch(cell, {"port": "1"}, mount_point="services")
        for path in ("services/metadata/", "auth/approle/role", "sys/policies/acl"):
            with pytest.raises(exceptions.Forbidden):
                application.list(path)


@once
def test_people_read_and_write_what_they_may(vaulted: Vaulted) -> None:
    bob = vaulted.person("bob")
    read = {cell: vaulted.status(bob, cell) for cell in vaulted.cells}
    assert {cell for cell, status in read.items() if status == 200} == {
        "shop/local",
        "shop-prod/local",
    }
    assert set(read.values()) == {200, 403}
    bob.secrets.kv.v2.patch("shop-prod/local", {"of_bob": "x"}, mount_point="services")
    with pytest.raises(exceptions.Forbidden):
        bob.secrets.kv.v2.patch("shop/local", {"of_bob": "x"}, mount_point="services")
    with pytest.raises(exceptions.Forbidden):
        bob.auth.approle.generate_secret_id("shop.local")
    with pytest.raises(exceptions.Forbidden):
        bob.secrets.kv.v2.delete_metadata_and_all_versions("shop-prod/local", "services")
    # As the browser shows the tree.
    assert _names(bob, "services/metadata/") >= {"shop/", "shop-prod/"}
    for user, password in (("bob", "wrong"), ("eve", vaulted.passwords["eve"])):
        with pytest.raises(exceptions.InvalidRequest):
            vaulted.client().auth.userpass.login(user, password)


@once
def test_the_pages_commands_and_program_work_as_they_stand_there(
    vaulted: Vaulted, tmp_path: Path
) -> None:
    page = (ROOT / "docs/how-to/secrets.md").read_text()
    lines = re.findall(r"^bao .*", page, re.MULTILINE)
    login, read, field, patch, role_id, secret_id, wrapping = _in_a_shell(
        vaulted,
        [
            # What they ask for comes from a file: there is no terminal.
            line.replace("username=ada", "username=ada password=- <<<ada-password").replace(
                "mail_password=-", "mail_password=- <<<of-the-page"
            )
            for line in lines
        ],
    )
    values = vaulted.values("shop/local")
    assert ("authenticated" in login, "port" in read, field) == (
        True,
        True,
        values["database_password"],
    )
    assert ("version" in patch, values["mail_password"]) == (True, "of-the-page")
    unwrapping = vaulted.client()
    unwrapping.token = wrapping
    unwrapped: Any = unwrapping.write_data("sys/wrapping/unwrap", data={})
    vaulted.client().auth.approle.login(role_id, unwrapped["data"]["secret_id"])
    with pytest.raises(exceptions.VaultError):
        unwrapping.write_data("sys/wrapping/unwrap", data={})

    (tmp_path / "login").write_text(f"{role_id}\n{secret_id}\n")
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "ask = socket.getaddrinfo\n"
        f"hosts = {{'vault.localhost': {vaulted.checkout.place.address!r}}}\n"
        "socket.getaddrinfo = lambda host, *more, **named: "
        "ask(hosts.get(host, host), *more, **named)\n"
    )
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "VAULT_ADDR": f"https://vault.localhost:{vaulted.checkout.https}",
            "VAULT_CACERT": str(vaulted.checkout.ca),
            "VAULT_LOGIN": str(tmp_path / "login"),
            "PYTHONPATH": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the port is 8000\n", done.stderr


@once
def test_what_people_write_is_kept_and_all_that_drifts_is_shown_and_mended(
    vaulted: Vaulted,
) -> None:
    before = vaulted.values("shop/prod")
    by_hand = {"mail_password": "by-hand", "database_password": "rotated-by-hand", "note": "of ada"}
    wrong = f"wrong-{secrets.token_hex(8)}"
    vaulted.patch("shop/prod", api_token=wrong, **by_hand)
    ada = vaulted.person("ada")
    # As somebody does who puts where a patch was meant: what was generated isn't in it.
    local = vaulted.values("shop/local")
    put = {key: value for key, value in local.items() if key != "database_password"}
    ada.secrets.kv.v2.create_or_update_secret("shop/local", put, mount_point="services")
    ada.secrets.kv.v2.delete_latest_version_of_secret("odd/local", mount_point="services")
    # What only the program, or a vault that was restored, could do.
    program = _program(vaulted)
    nothing = {"policy": 'path "services/" { capabilities = ["deny"] }'}
    program.write_data("sys/policies/acl/homeport-person-bob", data=nothing)
    program.write_data("auth/approle/role/left.over", data={"token_policies": ["default"]})
    program.write_data("auth/userpass/users/mallory", data={"password": "mallory-password"})
    program.delete("auth/approle/role/shop.local")

    drift = vaulted.checkout.command("drift", check=False).stdout
    assert [re.split("  +", line) for line in drift.splitlines()[1:-2]] == [
        ["vault-contents", "access of vault-people", "changed: bob, undeclared"],
        [
            "vault-contents",
            "values of odd",
            f"changed: {', '.join(f'local/{k}' for k in sorted(ODD))}",
        ],
        [
            "vault-contents",
            "values of shop",
            "changed: local/database_password, prod/api_token, local",
        ],
    ]
    vaulted.up()
    assert vaulted.values("shop/prod") == {**before, **by_hand}
    assert vaulted.values("shop/local") == local
    assert vaulted.values("odd/local") == ODD
    assert vaulted.status(vaulted.person("bob"), "shop/local") == 200
    roles = {cell.replace("/", ".") for cell in vaulted.cells}
    assert _names(program, "auth/approle/role") == roles | {"homeport-program"}
    assert _names(program, "auth/userpass/users") == {"ada", "bob"}


@once
def test_services_environments_keys_and_people_come_and_go(vaulted: Vaulted) -> None:
    checkout = vaulted.checkout
    kept, local = vaulted.values("shop/prod"), vaulted.values("shop/local")
    application = vaulted.application("shop/local")
    vaulted.patch("shop/prod", mail_password=(of_ada := secrets.token_hex(16)))
    kept["mail_password"] = of_ada
    planted = {"what was generated": kept["database_password"], "what ada wrote": of_ada}
    with LeakSearch(vaulted.secrets | planted) as search:
        prod = vaulted.services["shop"].pop("prod")
        vaulted.services["shop"]["staging"] = {"token": "credential generated"}
        declared = vaulted.services["shop"]["local"]
        vaulted.services["shop"]["local"] = {
            "port": {"port": 8001},
            "extra": {"config": "new"},
            "welcome_url": declared["welcome_url"],
        }
        vaulted.services["mill"] = {"local": {"port": {"port": 1}}}
        removed = vaulted.services.pop("odd")
        given = vaulted.section.pop("values")
        vaulted.passwords["zoe"] = "zoe-password"
        vaulted.rights["zoe"] = {"read": ["mill/local"]}
        bob = vaulted.rights.pop("bob")
        vaulted.write()
        preview = checkout.command("preview").stdout
        told = preview + checkout.pulumi("preview", "--diff").stdout + vaulted.apply()
        exported = checkout.pulumi("stack", "export").stdout
    search.assert_absent(
        state=exported,
        texts={"engine log": told},
        clients=[checkout.docker],
        stack=checkout.label,
        files=[checkout.folder / f"Pulumi.{checkout.stack}.yaml"],
    )
    named = preview
    assert re.findall(r"vault: shop.*", named) == [
        "vault: shop: local/database_password isn't declared any more",
        "vault: shop: local/extra is new",
        "vault: shop: local/port changes",
        *(f"vault: shop: prod/{key} isn't declared any more" for key in sorted(prod)),
        "vault: shop: staging/token is new",
    ]
    assert "8001" not in preview
    by_hand = {key: local[key] for key in local.keys() - {"port", "database_password"}}
    assert vaulted.values("shop/local", application) == {"port": "8001", "extra": "new", **by_hand}
    assert vaulted.values("shop/staging", vaulted.application("shop/staging"))["token"]
    assert vaulted.values("mill/local", vaulted.person("zoe")) == {"port": "1"}
    for cell in ("shop/prod", "odd/local"):
        with pytest.raises(exceptions.VaultError):
            vaulted.application(cell)
        assert vaulted.status(vaulted.person("ada"), cell) == 403
    with pytest.raises(exceptions.InvalidRequest):
        vaulted.person("bob")
    # The version of before has what is no longer declared.
    ada = vaulted.person("ada").secrets.kv.v2
    older = ada.read_secret_version(
        "shop/local", vaulted.version("shop/local") - 1, "services", raise_on_deleted_version=True
    )
    assert older["data"]["data"] == local

    # And what is declared again is as it was.
    vaulted.services["shop"] = {"local": declared, "prod": prod}
    vaulted.services["odd"] = removed
    vaulted.section["values"] = given
    vaulted.rights["bob"] = bob
    vaulted.write()
    vaulted.apply()
    assert vaulted.values("shop/prod") == kept
    assert vaulted.values("shop/local") == local
    assert vaulted.values("odd/local") == ODD
    vaulted.person("bob")


@once
def test_an_environment_that_is_too_large_is_told_and_holds_back_nothing_else(
    vaulted: Vaulted,
) -> None:
    bundle: dict[str, object] = {"small": {"config": "s"}, "bundle": {"config": "x" * 1_100_000}}
    vaulted.services["large"] = {"local": bundle}
    vaulted.services["shop-prod"]["local"]["more"] = {"config": "written as well"}
    vaulted.write()
    told = _failed_up(vaulted)
    assert "services/large/local is larger than the vault takes, which is 1 MiB" in told
    assert "bundle has 1074 KiB" in told
    assert "xxx" not in told
    assert vaulted.values("shop-prod/local")["more"] == "written as well"
    del vaulted.services["large"], vaulted.services["shop-prod"]["local"]["more"]
    vaulted.write()
    vaulted.apply()
    assert vaulted.status(vaulted.person("ada"), "large/local") == 403


@once
def test_a_vault_that_does_not_answer_or_refuses_is_told_in_a_sentence(vaulted: Vaulted) -> None:
    checkout = vaulted.checkout
    vaulted.services["mill"]["local"] = {"port": {"port": 2}}
    vaulted.write()
    server = containers.one(checkout.docker, checkout.label, "vault")
    server.stop()
    told = _failed_up(vaulted)
    assert "the vault doesn't answer at https://vault.localhost, though the gateway does" in told
    server.start()
    containers.wait_healthy(checkout.docker, checkout.label, "vault")

    right = vaulted.section["secret_id"]
    checkout.set_secrets({"vault.secret_id": secrets.token_hex(16)})
    page = checkout.folder / "sites/beside/index.html"
    page.parent.mkdir()
    page.write_text("<p>beside-marker</p>")
    checkout.write_site("beside", "hosts: [beside]\nsource: {folder: sites/beside}\n")
    told = _failed_up(vaulted)
    assert "the vault refuses the program's credential; set homeport:vault.role_id" in told
    checkout.serves(checkout.url("beside"), "beside-marker")
    vaulted.section["secret_id"] = right
    checkout.configure()
    vaulted.apply()
    assert vaulted.values("mill/local") == {"port": "2"}


def _failed_up(vaulted: Vaulted) -> str:
    """What an update says that doesn't refresh, and fails."""
    done = vaulted.checkout.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    return done.stdout


def _in_a_shell(vaulted: Vaulted, lines: list[str]) -> list[str]:
    """What each line prints in a shell on the host that has `bao`; `<<<` gives it its input."""
    checkout = vaulted.checkout
    script = "\n".join(
        re.sub(r"(.*) <<<(.*)", r"printf %s \2 | \1", line) + "\nprintf '\\0'" for line in lines
    )
    container = checkout.docker.containers.create(
        checkout.image("vault"),
        ["-euc", script],
        entrypoint="sh",
        user="0",
        network_mode="host",
        extra_hosts={"vault.localhost": checkout.place.address},
        environment={
            "BAO_ADDR": f"https://vault.localhost:{checkout.https}",
            "BAO_CACERT": "/ca.pem",
            "HOME": "/root",
        },
        labels=containers.of_this_run(),
    )
    try:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(checkout.ca, "ca.pem")
        container.put_archive("/", buffer.getvalue())
        container.start()
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
        *printed, _ = container.logs(stderr=False).decode().split("\0")
    finally:
        container.remove(force=True)
    return [text.strip() for text in printed]


def _program(vaulted: Vaulted) -> hvac.Client:
    client = vaulted.client()
    names = ("the program's role id", "the program's secret id")
    client.auth.approle.login(*(vaulted.secrets[name] for name in names))
    return client


def _names(client: hvac.Client, path: str) -> set[str]:
    answer = client.list(path)
    assert isinstance(answer, dict)
    return set(answer["data"]["keys"])
