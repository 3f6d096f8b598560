"""Waiting for a program's outputs together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pulumi
import pytest
from pulumi.runtime import stack

from host.faster_sdk import wait_for_all_at_once
from tests.unit.program import run_program

_OUTPUTS = 50


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many outputs each wait was for; what is patched is put back."""
    seen: list[int] = []
    wait = asyncio.wait

    def counted(tasks: list[asyncio.Task[object]], *, return_when: str) -> object:
        seen.append(len(tasks))
        return wait(tasks, return_when=return_when)

    monkeypatch.setattr(asyncio, "wait", counted)
    monkeypatch.setattr(stack, "wait_for_rpcs", stack.wait_for_rpcs)
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    return seen


def waiting(done: list[int], *, fails_at: int | None = None) -> Callable[[], None]:
    """A program whose outputs are known one after the other, the first of them at once."""

    async def known(number: int) -> int:
        await asyncio.sleep(number / 200)
        if number == fails_at:
            raise ValueError("this one can't be known")
        done.append(number)
        return number

    def program() -> None:
        wait_for_all_at_once()
        for number in range(_OUTPUTS):
            _: pulumi.Output[int] = pulumi.Output.from_input(known(number))

    return program


def test_outputs_are_waited_for_together(waits: list[int]) -> None:
    done: list[int] = []
    run_program(waiting(done))
    assert sorted(done) == list(range(_OUTPUTS))
    assert len(waits) < 5, "the SDK alone waits once for each"


@pytest.mark.parametrize("fails_at", [0, _OUTPUTS // 2])
@pytest.mark.usefixtures("waits")
def test_an_output_that_fails_ends_the_program_at_once(fails_at: int) -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="can't be known"):
        run_program(waiting(done, fails_at=fails_at))
    assert _OUTPUTS - 1 not in done, "nobody waited for the last one"


@pytest.mark.usefixtures("waits")
def test_the_engine_gets_no_debug_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        pulumi.log, "_log", lambda _engine, _severity, message, *_: sent.append(message)
    )

    def program() -> None:
        wait_for_all_at_once()
        sent.clear()
        pulumi.Output.from_input("known")
        pulumi.log.info("somebody reads this")

    run_program(program)
    assert sent == ["somebody reads this"]
