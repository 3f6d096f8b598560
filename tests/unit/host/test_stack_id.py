"""Whose host a stack stands on: a state is never used on another machine."""

from typing import Any

import pytest

from host import engine, reachability
from host.stack_id import StackIdProvider

provider = StackIdProvider()
HERE = {"stack": "prod", "docker_host": "ssh://root@here", "may_be_bare": False, "value": None}


def inputs(**changes: object) -> dict[str, Any]:
    """What Pulumi keeps of a check that succeeded, and gives to the next one."""
    result = provider.check({}, {**HERE, **changes})
    assert not result.failures
    return result.inputs


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Engines that answer: host by id."""
    known = {"ssh://root@here": "A", "ssh://root@also-here": "A", "ssh://root@there": "B"}
    monkeypatch.setattr(engine, "reachable", lambda host: host in known)
    monkeypatch.setattr(engine, "identity", lambda host: known[host])
    return known


def test_the_same_host_under_another_name_is_taken_and_remembered() -> None:
    result = provider.check(inputs(), {**HERE, "docker_host": "ssh://root@also-here"})
    assert result.failures == []
    assert result.inputs["docker_host"] == "ssh://root@also-here"
    assert result.inputs["engine"] == "A"
    assert not provider.diff("id", {}, result.inputs).changes, "or all that carries the id changes"


def test_another_machine_stops_in_preview_and_says_what_to_do(engines: dict[str, str]) -> None:
    for before in (inputs(), HERE):  # the second: it was bare
        (failure,) = provider.check(before, {**HERE, "docker_host": "ssh://root@there"}).failures
        assert "homeport:docker_host is 'ssh://root@there'" in failure.reason
        assert "and stack prod stands on ssh://root@here" in failure.reason
        assert "`make down STACK=prod` there first" in failure.reason
        assert "if that machine is gone, `make restore STACK=prod` brings" in failure.reason
    before = inputs()
    engines["ssh://root@here"] = "C"
    assert provider.check(before, HERE).failures, "another machine under the old name"


def test_a_host_that_does_not_answer_stops_in_preview_unless_it_is_to_be_prepared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = {**HERE, "docker_host": "ssh://root@gone"}
    for reason, bare, stops in (
        ("it can't be reached", True, True),
        (reachability.DOCKER_MISSING, False, True),
        (reachability.DOCKER_MISSING, True, False),
    ):
        monkeypatch.setattr(reachability, "why_unreachable", lambda *_, reason=reason: reason)
        failures = provider.check({}, {**gone, "may_be_bare": bare}).failures
        assert [failure.reason for failure in failures] == [reason] * stops


def test_a_state_that_does_not_know_its_machine_learns_it() -> None:
    assert provider.check(HERE, HERE).inputs["engine"] == "A"
