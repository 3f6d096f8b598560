"""What `make drift` makes of the steps of a preview."""

from typing import Any

import pytest

from commands.drift import differences

URN = "urn:pulumi:local::homeport::homeport:index:CaddySite"


def a_step(op: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    site = f"{URN}::blog"
    state = {"parent": site}
    return {
        "op": op,
        "urn": f"{URN}${kind}::blog-config",
        "oldState": {**state, "outputs": old},
        "newState": {**state, "inputs": new},
    }


FILES = "pulumi-python:dynamic/homeport:VolumeFiles"
CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
PROMOTION = "pulumi-python:dynamic/homeport:Promotion"


@pytest.mark.parametrize(
    ("step", "row"),
    [
        (a_step("create", CONTAINER, {}, {}), ("blog", "container blog-config", "missing")),
        (a_step("delete", CONTAINER, {}, {}), ("blog", "container blog-config", "not declared")),
        (
            {**a_step("replace", CONTAINER, {}, {}), "detailedDiff": {"image": {}, "cpus": {}}},
            ("blog", "container blog-config", "changed: cpus, image"),
        ),
        (
            {**a_step("replace", CONTAINER, {}, {}), "detailedDiff": {"mustRun": {}, "ports": {}}},
            ("blog", "container blog-config", "stopped"),
        ),
        (
            a_step(
                "update",
                FILES,
                {"__provider": "x", "files": {"Caddyfile": "by hand", "same": "s"}, "owner": 0},
                {"__provider": "y", "files": {"Caddyfile": "ours", "same": "s"}, "owner": 0},
            ),
            ("blog", "files blog-config", "changed: Caddyfile"),
        ),
        (
            a_step("update", PROMOTION, {"container": ""}, {"container": "id"}),
            ("blog", "container blog-config", "out of visitors' reach"),
        ),
    ],
)
def test_a_step_becomes_a_line(step: dict[str, Any], row: tuple[str, str, str]) -> None:
    assert list(differences([step])) == [row]


def test_what_stays_and_what_only_follows_is_left_out() -> None:
    assert not list(
        differences(
            [
                a_step("same", CONTAINER, {}, {}),
                a_step("refresh", CONTAINER, {}, {}),
                a_step("replace", "command:local:Command", {}, {}),
            ]
        )
    )


@pytest.mark.parametrize(
    ("lost", "following", "row"),
    [
        (VOLUME, FILES, ("blog", "volume blog-config", "missing")),
        (CONTAINER, PROMOTION, ("blog", "container blog-config", "missing")),
    ],
)
def test_what_is_lost_is_said_once(lost: str, following: str, row: tuple[str, str, str]) -> None:
    steps = [a_step("update", following, {}, {}), a_step("create", lost, {}, {})]
    assert list(differences(steps)) == [row]
