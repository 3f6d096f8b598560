"""Go modules built from their sources, into which something can be put before.

Each is built with the dependencies that it names itself.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offline.images.image import go, run


@contextmanager
def go_source(module: str, version: str) -> Iterator[Path]:
    """Give a folder with a copy of a Go module."""
    original = json.loads(go("mod", "download", "-json", f"{module}@{version}"))["Dir"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        run("cp", "--recursive", "--no-preserve=mode", original, str(source))
        yield source


def programs(source: Path, *packages: str, ldflags: str, tags: str = "") -> list[bytes]:
    """Return the static programs that packages of such a copy make."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {ldflags}", "-tags", tags)
        for number, package in enumerate(packages):
            go(
                *("build", *options, "-o", f"{folder}/{number}", package),
                cwd=str(source),
                # A workspace names modules that a module's archive hasn't.
                env={"GOWORK": "off"},
            )
        return [(Path(folder) / str(number)).read_bytes() for number in range(len(packages))]
