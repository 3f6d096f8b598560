"""offline/images: what stands in for the official images, before anything is built."""

from pathlib import Path

import pytest
import yaml

from config.settings import ROOT
from offline.images.__main__ import plan
from offline.images.image import from_go

ROLES: dict[str, str] = yaml.safe_load((ROOT / "config/images.yaml").read_text())


@pytest.mark.parametrize("role", ROLES)
def test_the_image_of_each_role_can_be_built(role: str) -> None:
    assert plan(ROLES, ROLES[role])[0] == ROLES[role]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("gate", "gate is no role in config/images.yaml; those are proxy, "),
        ("nginx:1.2.3", "nothing here builds nginx; what can be built is caddy, "),
        ("registry:3", "the tag of registry:3 is no exact version such as 1.2.3."),
        ("my/registry-ui:3.1.2", "nothing here builds my/registry-ui; "),
        ("pypiserver/pypiserver:2.4.2", "is no exact version such as v1.2.3."),
    ],
)
def test_what_cant_be_built_is_refused_in_one_sentence(reference: str, reason: str) -> None:
    with pytest.raises(SystemExit) as ended:
        plan(ROLES, reference)
    assert reason in str(ended.value)
    assert "\n" not in str(ended.value)


def test_without_go_one_sentence_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        from_go("example.org/cmd/x", "v1.2.3", "")
    assert str(ended.value) == (
        "offline/images: Go is needed to build this image; install it from https://go.dev/dl or "
        "your distribution (1.21 or newer)."
    )
