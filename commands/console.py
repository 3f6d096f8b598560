"""`console`: the sites in a browser. It is a program of its own, in `console/`."""

from __future__ import annotations

import os
import sys

from commands.context import Context


def run(context: Context) -> int:
    """Become the console's program: no other command loads it, nor needs its packages."""
    os.execv(sys.executable, [sys.executable, "-m", "console", "--stack", context.stack])  # noqa: S606
