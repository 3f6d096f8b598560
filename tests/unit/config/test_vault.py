"""What the vault shall hold: what is taken, and the whole message for what is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config import loading, vault_file
from config.estate import Estate
from config.model import ConfigError
from config.users import VaultRights
from config.vault_values import known_values
from tests.unit.program import ROOT, SEVERAL_SITES, an_estate, own_config, write_files

OPENED = {"seal_key": "5e" * 32, "role_id": "r" * 32, "secret_id": "s" * 32}
HASH = f"$2b$11${'a' * 53}"
ALLOWED = (
    "must be a kind (url, port, credential or config) and where the value comes from (generated, "
    "from config, by hand, or of and the name of a service or site), such as `credential "
    "generated`; or a kind and the value, such as {port: 8000}"
)
NAME = "at most 40 of a-z, 0-9, - and _, with a letter or digit at both ends"
KEY = "at most 64 letters, digits and _, no digit first"
TREE = """\
services:
  shop:
    local:
      token: credential from config
      home: url of welcome
    prod:
      port: port from config
      login: credential by hand
  mill:
    local: {size: {config: big}}
"""


def load(
    root: Path,
    text: str,
    values: Mapping[str, Any] | None = None,
    users: Mapping[str, Any] | None = None,
) -> Estate:
    """The stack `prod` with a vault of which the file says this."""
    write_files(an_estate(root, SEVERAL_SITES), {"config/vault.yaml": text})
    config: dict[str, object] = {**own_config("prod"), "vault": {**OPENED, "values": values or {}}}
    return loading.load("prod", {**config, "users": users or {}}, root)


def problems(root: Path, text: str, **more: Mapping[str, Any]) -> list[str]:
    try:
        load(root, text, **more)
    except ConfigError as error:
        return list(error.problems)
    return []


def test_the_projects_own_file_is_taken_as_it_is() -> None:
    estate = loading.load("local", own_config("local", services=True))
    assert {key.path for key in estate.in_vault} == {"shop/local", "shop/prod", "reports/local"}
    assert not [warning for warning in loading.warnings(estate) if "vault.yaml" in warning]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("credential generated", "credential generated"),
        ("credential by hand", "credential by hand"),
        ("port from config", "port from config"),
        ("url of welcome", "url of welcome"),
        ("config by hand", "config by hand"),
        ("{port: 8000}", "port written"),
        ("{url: 'postgres://db:5432/shop'}", "url written"),
        ("{config: '{\"a\": 1}'}", "config written"),
    ],
)
def test_each_kind_and_origin_is_taken(tmp_path: Path, written: str, words: str) -> None:
    (key,) = load(tmp_path, f"services: {{shop: {{local: {{key: {written}}}}}}}").in_vault
    assert (key.dotted, key.path, key.key.words) == ("shop.local.key", "shop/local", words)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: prt by hand", f"4: services.shop.local.a is 'prt by hand': {ALLOWED}"),
        ("a: generated", f"4: services.shop.local.a is 'generated': {ALLOWED}"),
        ("a: 8000", f"4: services.shop.local.a is 8000: {ALLOWED}"),
        (
            "a: {port: 1, url: b}",
            f'4: services.shop.local.a is {{"port": 1, "url": "b"}}: {ALLOWED}',
        ),
        ("a: {port: 70000}", "4: services.shop.local.a.port: must be a port, 1 to 65535"),
        ("a: {port: true}", "4: services.shop.local.a.port: must be a port, 1 to 65535"),
        ("a: {config: 7}", "4: services.shop.local.a.config: must be text, put in quotes"),
        ("a: {config: ''}", "4: services.shop.local.a.config: must not be empty"),
        (
            "a: {url: example.org}",
            "4: services.shop.local.a.url: must be a URL, such as postgres://database:5432/shop",
        ),
        (
            "a: {credential: hunter2}",
            "4: services.shop.local.a.credential: a credential must not be in this file; write "
            "`credential from config`, and give it a value in each stack's "
            "homeport:vault.values",
        ),
        (
            "a: url generated",
            "4: services.shop.local.a is 'url generated': only a credential can be generated",
        ),
        (
            "a: port of welcome",
            "4: services.shop.local.a is 'port of welcome': only a url can be that of a service "
            "or site",
        ),
        ("2a: port by hand", f"4: services.shop.local.2a: key's name must be {KEY}"),
    ],
)
def test_a_key_that_is_not_taken_is_told_with_its_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    told = problems(tmp_path, f"services:\n  shop:\n    local:\n      {text}\n")
    assert told == [f"config/vault.yaml:{problem}"]


def test_all_that_is_wrong_around_keys_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "services:\n  shop: {}\n  mill:\n    local: {}\n  -x:\n    a: {k: port by hand}\nmore: 1\n"
    )
    assert problems(tmp_path, text) == [
        "config/vault.yaml:2: services.shop is {}: must have at least one environment",
        "config/vault.yaml:4: services.mill.local is {}: must have at least one key",
        "config/vault.yaml:7: more: there is no such field; allowed here: services",
    ]
    text = "services:\n  -x:\n    a: {k: port by hand}\n"
    assert problems(tmp_path / "x", text) == [
        f"config/vault.yaml:2: services.-x: service's name must be {NAME}"
    ]


def test_values_come_from_where_the_file_says(tmp_path: Path) -> None:
    given_ = {"shop": {"local": {"token": "t"}, "prod": {"port": 81}}}
    estate = load(tmp_path, TREE, given_)
    assert known_values(estate.in_vault, estate.settings, estate.names()) == {
        "shop/local": {"token": "t", "home": "https://welcome.example.org"},
        "shop/prod": {"port": "81"},
        "mill/local": {"size": "big"},
    }
    assert loading.warnings(estate) == []


def test_a_value_that_the_stack_does_not_give_is_missed_and_no_error(tmp_path: Path) -> None:
    estate = load(tmp_path, TREE, {"shop": {"local": {"token": "t"}}})
    assert loading.warnings(estate) == [
        "config/vault.yaml:7: shop.prod.port has no value in stack prod, so its vault doesn't "
        "hold it; `pulumi config set --stack prod --secret --path "
        "homeport:vault.values.shop.prod.port` gives it one"
    ]


def test_values_that_do_not_fit_are_told_and_never_shown(tmp_path: Path) -> None:
    values = {"shop": {"local": {"tokn": "hidden"}, "prod": {"port": "hidden", "login": "hidden"}}}
    stray = (
        "config/vault.yaml has no such key that comes `from config`; declare it there, or remove "
        "it here"
    )
    assert problems(tmp_path, TREE.replace("welcome", "welcme"), values=values) == [
        "config/vault.yaml:5: shop.local.home is 'url of welcme': this stack has no service or "
        "site of that name; there are blog, shop_2, vault, welcome",
        f"Pulumi.prod.yaml: homeport:vault.values.shop.local.tokn: {stray}",
        "Pulumi.prod.yaml: homeport:vault.values.shop.prod.port is [secret]: must be a port, 1 "
        "to 65535",
        f"Pulumi.prod.yaml: homeport:vault.values.shop.prod.login: {stray}",
    ]


def test_people_have_rights_to_what_is_declared(tmp_path: Path) -> None:
    users = {
        "ada": {"hash": HASH, "vault": {"read": ["shop/*", "*/local"], "write": ["mill/prod"]}},
        "Bob": {"hash": HASH, "vault": {"read": ["shop/local"]}},
        "eve": {"hash": HASH},
    }
    assert problems(tmp_path, TREE, users=users) == [
        "Pulumi.prod.yaml: homeport:users.ada.vault.write has 'mill/prod', and config/vault.yaml "
        "declares shop/local, shop/prod, mill/local",
        "Pulumi.prod.yaml: homeport:users.Bob.vault: the vault takes only names of a-z, 0-9, ., _ "
        "and -, with a letter or digit at both ends; give this person another name",
    ]


def test_who_writes_an_environment_reads_it() -> None:
    rights = VaultRights(read=("*/local",), write=("shop/*",))
    paths = {"shop/local", "shop/prod", "shop-2/local", "shop-2/prod"}
    assert rights.writable(paths) == {"shop/local", "shop/prod"}
    assert rights.readable(paths) == {"shop/local", "shop/prod", "shop-2/local"}
    assert VaultRights().empty


def test_without_a_vault_the_file_is_not_asked_for(tmp_path: Path) -> None:
    write_files(an_estate(tmp_path, {}), {"config/vault.yaml": "services: 7\n"})
    config = {key: text for key, text in own_config("prod").items() if key != "vault"}
    assert loading.load("prod", config, tmp_path).in_vault == ()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_that_is_written_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "vault.yaml"
    tree = {"services": {"shop": {"local": {"key": {"config": text}}}}}
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    (key,) = vault_file.read(file, "config/vault.yaml")
    assert key.key.text == text


def test_the_page_of_secrets_shows_the_projects_own_file() -> None:
    assert (ROOT / "config/vault.yaml").read_text().split("\n", 2)[2] in (
        ROOT / "docs/how-to/secrets.md"
    ).read_text()
