"""What the last start of a container tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docker.models.containers import Container

from commands.health import told_by_last_start
from host import engine

RUNNING = {"Running": True, "Restarting": False, "Status": "", "ExitCode": 1}


def a_container(**state: object) -> Any:  # as much of docker's own as is asked for
    return SimpleNamespace(attrs={"State": {**RUNNING, **state}})


@pytest.mark.parametrize(
    ("state", "logs", "looks"),
    [
        # It has just begun once more when it is looked at.
        ({}, ["", "started", "started\nfailed\n"], 3),
        ({"Running": False}, ["", "failed"], 1),
        ({"Running": False, "Restarting": True}, ["", "failed"], 2),
        ({"Health": {"Status": "healthy"}}, ["", "failed"], 1),
    ],
)
def test_the_end_of_a_start_is_awaited(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, object], logs: list[str], looks: int
) -> None:
    said = iter(logs)
    left = list(logs)

    def last_start(_container: Container) -> str:
        left.pop()
        return next(said)

    monkeypatch.setattr(engine, "last_start", last_start)
    container = a_container(**state)
    found = told_by_last_start(container, lambda log: "failed" in log)
    assert found == (looks == len(logs))
    assert len(logs) - len(left) == looks
