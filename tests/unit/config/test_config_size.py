"""All of a stack's configuration goes through one environment variable."""

import base64
from pathlib import Path

import pytest
import yaml

from config import config_size, loading
from config.model import ConfigError
from tests.unit.program import an_estate

FILE = "Pulumi.local.yaml"


def closed(size: int) -> dict[str, str]:
    """A value of that size, encrypted as the engine writes it."""
    return {"secure": f"v1:AAAAAAAAAAAAAAAA:{base64.b64encode(bytes(size + 16)).decode()}"}


def refusal(config: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as refused:
        config_size.check(FILE, config)
    return str(refused.value)


def test_a_large_value_for_the_vault_is_named_with_what_to_do(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {})
    vault = {"values": {"shop": {"prod": {"bundle": closed(1_100_000), "token": closed(20)}}}}
    (root / FILE).write_text(yaml.safe_dump({"config": {"homeport:vault": vault}}))
    with pytest.raises(ConfigError) as refused:
        loading.of_files("local", root)
    assert str(refused.value) == (
        f"{FILE}: homeport:vault.values.shop.prod.bundle has 1074 KiB, and all values together may "
        "have 120; remove it here, have config/vault.yaml say `by hand` instead of `from config`, "
        "and write it into the vault yourself"
    )


def test_any_other_value_is_named_as_well_and_many_small_ones_count() -> None:
    assert refusal({"homeport:sources": {"known_hosts": ["a", "x" * 130_000]}}) == (
        f"{FILE}: homeport:sources.known_hosts[1] has 127 KiB, and all values together may have "
        "120; shorten it"
    )
    assert refusal({f"key{number}": "x" * 1000 for number in range(130)}).endswith("shorten it")
    config_size.check(FILE, {"homeport:vault": {"values": {"a": closed(118 * 1024)}}, "b": True})
