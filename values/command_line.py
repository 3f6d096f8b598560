"""What a person types: a sentence that says what to do names a command, and the stack it is for.

Without a stack, `make` means the local one, and `pulumi` the one that was selected last.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

_LOCAL = "local"  # the Makefile's own STACK


def make(stack: str, target: str) -> str:
    """A make target, on a stack."""
    return f"make {target}" + ("" if stack == _LOCAL else f" STACK={shlex.quote(stack)}")


def making(target: str) -> Callable[[str], str]:
    """How a make target is named for a stack that is known later."""
    return lambda stack: make(stack, target)


def pulumi(stack: str, command: str, arguments: str = "") -> str:
    """A command of Pulumi's, on a stack."""
    return f"pulumi {command} --stack {shlex.quote(stack)} {arguments}".rstrip()
