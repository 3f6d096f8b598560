"""Letting everything else go on when one resource fails.

With `PULUMI_CONTINUE_ON_ERROR` the engine goes on, but version 3.255 of the Python SDK doesn't:
it forgives a failed resource (`wait_for_rpcs` in pulumi/runtime/stack.py), not the
registration of one that depends on it, and ends the program with a traceback while other
sites still wait for theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pulumi.runtime.rpc_manager import RPCManager
from pulumi.runtime.stack import ResourceRegistrationFailed

_do_rpc = RPCManager.do_rpc


def skip_dependents_of_failures() -> None:
    """Leave out what depends on a failed resource, as the engine does, and nothing else.

    The failure itself is still the update's error, and while there is one the engine deletes
    nothing, so what is left out here keeps standing as it was.
    """
    RPCManager.do_rpc = _tolerant_do_rpc  # type: ignore[method-assign]  # see the module's text


def _tolerant_do_rpc(
    self: RPCManager, name: str, rpc_function: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[tuple[Any, Exception]]]:
    async def tolerant(*args: object, **kwargs: object) -> object:
        try:
            return await rpc_function(*args, **kwargs)
        except ResourceRegistrationFailed:
            return None

    return _do_rpc(self, name, tolerant)
