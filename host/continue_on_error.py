"""Letting everything else go on when one resource fails.

With `PULUMI_CONTINUE_ON_ERROR` the engine goes on, but version 3.255 of the Python SDK doesn't:
it forgives a failed resource (`wait_for_rpcs` in pulumi/runtime/stack.py), not the
registration of one that depends on it, and ends the program with a traceback while other
sites still wait for theirs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pulumi
from pulumi.runtime import stack
from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.stack import ResourceRegistrationFailed

_do_rpc = RPCManager.do_rpc
_failures: set[str] = set()
# As the SDK writes it: `resource welcome [docker:index/container:Container] failed to register`.
_RESOURCE = re.compile(r"^resource (.+) \[.*\] failed to register$")


def leave_dependents_of_failures() -> None:
    """Leave resources that depend on a failed one as they are, and go on with all others.

    The program must then fail, which it does with one sentence. If it ended well, the engine would
    take its resources for the complete list, and delete those that were left out, such as the old
    version of the failed site.
    """
    RPCManager.do_rpc = _tolerant_do_rpc  # type: ignore[method-assign]  # see the module's text
    wait_for_rpcs = stack.wait_for_rpcs

    async def wait_then_fail(*args: object, **kwargs: object) -> None:
        await wait_for_rpcs(*args, **kwargs)
        if _failures:
            failures = ", ".join(sorted(_failures))
            _failures.clear()
            raise pulumi.RunError(f"what depends on {failures} was left as it was")

    stack.wait_for_rpcs = wait_then_fail


def came_about(resource: pulumi.Resource, *, within: float | None = None) -> pulumi.Output[bool]:
    """Whether a resource is there, known once that is decided, or after `within` seconds.

    Whoever uses this waits for the resource and doesn't depend on it, so a failure holds nothing
    else back.
    """

    async def decided() -> bool:
        try:
            await asyncio.wait_for(asyncio.shield(resource.urn.future()), within)
        except Exception:  # noqa: BLE001 - whatever it is, the engine tells it
            return False
        return True

    return pulumi.Output.from_input(decided())


def _tolerant_do_rpc(
    self: RPCManager, name: str, rpc_function: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[tuple[Any, Exception]]]:
    async def tolerant(*args: object, **kwargs: object) -> object:
        try:
            return await rpc_function(*args, **kwargs)
        except ResourceRegistrationFailed as failure:
            _failures.add(_RESOURCE.sub(r"\1", str(failure)))
            return None

    return _do_rpc(self, name, tolerant)
