"""What the registries are told, as far as it matters to who uses them."""

import json

import pytest
import yaml

from components.registry.config import DENIED, closed, distribution_config


def test_the_image_registry_forgets_nothing_and_remembers_nothing_that_is_gone() -> None:
    config = yaml.safe_load(distribution_config()["config.yml"])
    assert config["storage"]["delete"] == {"enabled": True}
    # With one, `make registry-gc` would leave it believing in layers that are gone.
    assert "cache" not in config["storage"]
    assert "auth" not in config, "the gateway asks, and nobody asks twice"


def test_its_figures_are_told_apart_from_its_images() -> None:
    http = yaml.safe_load(distribution_config()["config.yml"])["http"]
    assert http["addr"] == "registry:5000", "on `guarded` alone, where it has this name"
    assert http["debug"]["addr"] == ":5001"


@pytest.mark.parametrize(("body", "code"), [(DENIED, "DENIED"), (closed("gc"), "UNAVAILABLE")])
def test_a_refusal_is_told_as_docker_shows_it(body: str, code: str) -> None:
    (error,) = json.loads(body)["errors"]
    assert set(error) == {"code", "message"}
    assert error["code"] == code
    assert "\\" not in body, "a Caddyfile's text would lose it"
