"""What an update costs."""

from __future__ import annotations

import os
import statistics
import subprocess

from bench.clock import repeated, seconds, until_answered
from tests.e2e.checkout import Checkout

_EMPTY_PROGRAM = "import pulumi\n"


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """The first update, one without changes, and one of a page."""
    first = seconds(checkout.up)
    empty = statistics.median(repeated(lambda: _empty_preview(checkout)))
    no_op = statistics.median(repeated(lambda: seconds(lambda: checkout.pulumi("preview"))))
    return [
        ("first up, seconds", f"{first:.1f}"),
        ("preview without changes, seconds", f"{no_op:.2f}"),
        ("preview without changes / of an empty program", f"{no_op / empty:.2f}"),
        ("up without changes, seconds", f"{seconds(checkout.up):.1f}"),
        ("changed page to its first new answer, seconds", f"{_page_to_answer(checkout):.1f}"),
    ]


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
    return seconds(
        lambda: subprocess.run(
            ["pulumi", "preview", *stack],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    )


def _page_to_answer(checkout: Checkout) -> float:
    page = checkout.folder / "sites/welcome/index.html"
    marker = f"bench-{os.getpid()}"
    page.write_text(page.read_text() + f"<!-- {marker} -->\n")
    return until_answered(checkout, checkout.url("welcome", scheme="http"), marker)
