"""Two habits of Pulumi's Python SDK that a large stack would pay for with each preview.

Version 3.255 waits for outputs one by one (`wait_for_rpcs` in pulumi/runtime/stack.py): after each
it looks at all the others again. It also sends the engine a message about each step, and waits
until that is taken; the engine drops them all unless it was started with `--debug`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS

_wait_for_rpcs = stack.wait_for_rpcs


def wait_for_all_at_once() -> None:
    """Have the program wait for all of its outputs together, and send no debug messages.

    One without the other gains nothing: where messages are missing, the SDK looks more often. They
    are missing with `--debug` too.
    """
    stack.wait_for_rpcs = _wait_for_outputs_first
    pulumi.log.debug = _say_nothing


async def _wait_for_outputs_first(*args: object, **kwargs: object) -> None:
    await _wait_for_rpcs(await_all_outstanding_tasks=False)
    while waiting := _unknown():
        await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
    await _wait_for_rpcs(*args, **kwargs)


def _unknown() -> list[asyncio.Future[Any]]:
    """The outputs that aren't known yet. None once one has failed: the SDK knows which failures end
    the program.
    """
    with SETTINGS.lock:
        outputs: list[asyncio.Future[Any]] = list(SETTINGS.outputs)
    if any(output.done() and (output.cancelled() or output.exception()) for output in outputs):
        return []
    return [output for output in outputs if not output.done()]


def _say_nothing(*_: object, **__: object) -> None:
    pass
