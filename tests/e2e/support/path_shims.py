"""Proof that nothing was built or fetched: the word "quick" of a second `make up`.

`go` and `docker` are found on PATH, so stand-ins write down what was asked and pass it on;
of `docker`, only building and pulling count. `pip` is started in too many ways (by the path
of an environment, by `python -m`), but writes a log of every run where its own setting
`PIP_LOG` says, whichever way it was started.

Not seen: a `go` called by its full path, and what a program asks of Docker's API itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_SHIM = """\
#!/bin/sh
case " $* " in {counts}) echo "{name} $*" >>{folder}/calls ;; esac
exec {real} "$@"
"""
_COUNTS = {"go": "*", "docker": '*" build "* | *" pull "*'}


class PathShims:
    """Records calls of pip, go, `docker build` and `docker pull`."""

    def __init__(self, folder: Path) -> None:
        """`folder` is an empty one of the test's own."""
        self._folder = folder
        for name, counts in _COUNTS.items():
            # What isn't installed can't be called, and a stand-in would say it is there.
            if real := shutil.which(name):
                shim = folder / name
                shim.write_text(_SHIM.format(name=name, counts=counts, folder=folder, real=real))
                shim.chmod(0o755)

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`base` with the stand-ins first on PATH."""
        path = f"{self._folder}:{base['PATH']}"
        return {**base, "PATH": path, "PIP_LOG": str(self._folder / "pip.log")}

    def calls(self) -> list[str]:
        """What was called, in the order of the calls; for pip, the lines of its log."""
        lines: list[str] = []
        for file in (self._folder / "calls", self._folder / "pip.log"):
            if file.exists():
                lines += file.read_text().splitlines()
        return lines
