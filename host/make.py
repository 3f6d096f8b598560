"""What a person types: sentences that say what to do name a command of the Makefile."""

from __future__ import annotations

import shlex

_LOCAL = "local"  # the Makefile's own STACK


def make(stack: str, target: str) -> str:
    """A make target, on a stack."""
    return f"make {target}" + ("" if stack == _LOCAL else f" STACK={shlex.quote(stack)}")
