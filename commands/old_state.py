"""States that an older checkout wrote: they name modules of dynamic resources that have moved."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Iterator, Mapping
from typing import Any

from commands.error import CommandError
from values.command_line import make

# The SDK keeps a provider pickled by reference: its module, then its class.
_REFERENCE = re.compile(rb"\x8c.([\w.]+)\x94\x8c", re.DOTALL)


def refuse(stack: str, known: Mapping[str, Any]) -> None:
    """Raise CommandError where this checkout lacks a module that the stack's state names.

    An update would fail half-way, and taking the stack down would leave the half of it.
    """
    for module in sorted(set(_modules(known))):
        if not _is_here(module):
            raise CommandError(
                f"stack {stack} was made by an older checkout: its state names the module "
                f"{module}, which isn't here any more. With that checkout type "
                f"`{make(stack, 'down')}`, which keeps the data, then `{make(stack, 'up')}` with "
                "this one; CHANGELOG.md says more"
            )


def _modules(known: Mapping[str, Any]) -> Iterator[str]:
    for resource in known.get("resources", ()):
        provider = (resource.get("inputs") or {}).get("__provider")
        if isinstance(provider, str) and (found := _REFERENCE.search(base64.b64decode(provider))):
            yield found[1].decode()


def _is_here(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # nor is its package
        return False
