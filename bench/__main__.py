"""`make bench`, or `python -m bench [TOPIC…]`: what the documents claim, measured.

One table for each topic, on a stack of its own at each place. Figures of one run on one machine:
compare the ratios, which hold on another; the seconds don't.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import (
    backup,
    cost,
    nuisance,
    prometheus,
    publisher,
    registry,
    remote,
    sites,
    updates,
    vault,
)
from commands.table import table
from tests.e2e.checkout import Checkout, over_ssh, this_machine
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import SecondHost, requires_root


@dataclass(frozen=True)
class Topic:
    """What is measured, and where."""

    measure: Callable[[Checkout], list[tuple[str, str]]]
    """Brings a stack up and returns rows of what was measured, and its figure."""
    places: tuple[str, ...]


_TOPICS = {
    "updates": Topic(updates.measure, ("socket", "ssh")),
    # Asks containers at their own addresses, which only this machine has a route to.
    "sites": Topic(sites.measure, ("socket",)),
    "cost": Topic(cost.measure, ("socket",)),
    "nuisance": Topic(nuisance.measure, ("socket",)),
    "publisher": Topic(publisher.measure, ("socket",)),
    "registry": Topic(registry.measure, ("socket",)),
    "prometheus": Topic(prometheus.measure, ("socket",)),
    "remote": Topic(remote.measure, ("socket",)),
    "vault": Topic(vault.measure, ("socket", "ssh")),
    "backup": Topic(backup.measure, ("socket",)),
}


def main(names: Sequence[str]) -> int:
    """Print a table for each topic named, or for all."""
    if unknown := [name for name in names if name not in _TOPICS]:
        there_are = ", ".join(_TOPICS)
        print(f"{', '.join(unknown)}: no such topic; there are {there_are}", file=sys.stderr)
        return 2
    for name in names or _TOPICS:
        print(_figures(name, _TOPICS[name]), flush=True)
    return 0


def _figures(name: str, topic: Topic) -> str:
    places = topic.places
    if "ssh" in places and requires_root():
        print(f"No SSH column: {requires_root()}", file=sys.stderr)
        places = tuple(place for place in places if place != "ssh")
    rows: dict[str, list[str]] = {}
    for at in places:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as open_:
            place = over_ssh(open_.enter_context(SecondHost())) if at == "ssh" else this_machine()
            checkout = Checkout(Path(folder) / "checkout", place, stack_name(f"bench-{at}"))
            try:
                for what, figure in topic.measure(checkout):
                    rows.setdefault(what, []).append(figure)
            finally:
                checkout.close()
    return table((name, *places), [(what, *figures) for what, figures in rows.items()]) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
