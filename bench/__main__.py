"""`make bench`: what an update costs, measured on a stack of its own at each place.

Figures of one run on one machine. Compare the ratios, which hold on another; the seconds don't.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from commands.table import table
from tests.e2e.checkout import Checkout, place_named
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import requires_root

_REPEATS = 5
_EMPTY_PROGRAM = "import pulumi\n"


def main() -> int:
    """Print one table. Without root there is no second host, and no SSH column."""
    rows: dict[str, list[str]] = {}
    places = ["socket"] if requires_root() else ["socket", "ssh"]
    if len(places) == 1:
        print(f"No SSH column: {requires_root()}", file=sys.stderr)
    for name in places:
        with tempfile.TemporaryDirectory() as folder, place_named(name) as place:
            checkout = Checkout(Path(folder) / "checkout", place, stack_name(f"bench-{name}"))
            try:
                for what, figure in _measure(checkout):
                    rows.setdefault(what, []).append(figure)
            finally:
                checkout.close()
    print(table(("figure", *places), [(what, *figures) for what, figures in rows.items()]))
    return 0


def _measure(checkout: Checkout) -> list[tuple[str, str]]:
    first = _seconds(checkout.up)
    empty = statistics.median(_empty_preview(checkout) for _ in range(_REPEATS))
    no_op = statistics.median(_seconds(lambda: checkout.pulumi("preview")) for _ in range(_REPEATS))
    return [
        ("first up, seconds", f"{first:.1f}"),
        ("preview without changes, seconds", f"{no_op:.2f}"),
        ("preview without changes / of an empty program", f"{no_op / empty:.2f}"),
        ("up without changes, seconds", f"{_seconds(checkout.up):.1f}"),
        ("changed page to its first new answer, seconds", f"{_page_to_answer(checkout):.1f}"),
    ]


def _seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _empty_preview(checkout: Checkout) -> float:
    """Seconds for a program that only imports Pulumi, with the same engine."""
    folder = checkout.folder / ".empty"
    if not folder.exists():
        (folder / ".state").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
        (folder / "__main__.py").write_text(_EMPTY_PROGRAM)
    environment = {**checkout.environment, "PULUMI_BACKEND_URL": f"file://{folder}/.state"}
    stack = ["--stack", "empty"]
    if not (folder / ".state/.pulumi/stacks").exists():
        subprocess.run(
            ["pulumi", "stack", "init", "--no-select", *stack],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return _seconds(
        lambda: subprocess.run(
            ["pulumi", "preview", *stack],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    )


def _page_to_answer(checkout: Checkout) -> float:
    """From saving the page to the first request that gets it; asked every 50 ms meanwhile."""
    page = checkout.folder / "sites/welcome/index.html"
    marker = f"bench-{os.getpid()}"
    page.write_text(page.read_text() + f"<!-- {marker} -->\n")
    began = time.monotonic()
    update = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--stack", checkout.stack],
        cwd=checkout.folder, env=checkout.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while marker not in checkout.get(checkout.url("welcome", scheme="http")).text:
            if time.monotonic() - began > 120:
                raise TimeoutError("the changed page was not served within 120 s")
            time.sleep(0.05)
        return time.monotonic() - began
    finally:
        update.wait()


if __name__ == "__main__":
    sys.exit(main())
