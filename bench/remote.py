"""A server over SSH: from bare to its first answer, previews compared with local ones, a reboot."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.clock import repeated, seconds
from tests.e2e.checkout import WELCOME_MARKER, Checkout, Place
from tests.e2e.support.bare_host import BareHost
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import SecondHost, requires_root
from tests.e2e.support.waiting import wait_until

_STEPS = ["docker", "start_at_boot", "live_restore", "log_rotation"]


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """Both hosts are made here; `checkout` is this machine's, to compare with."""
    if reason := requires_root():
        return [("not measured", reason)]
    checkout.up()
    here = _preview(checkout)
    with SecondHost() as host, _on(host) as remote:
        remote.up()
        there = _preview(remote)
        host.stop_everything()
        host.start_daemon()
        serving = wait_until(lambda: _serves(remote), "everything serves again", every=0.1)
    with BareHost() as bare, _on(bare) as first:
        first.extra = {"prepare": _STEPS}
        first.configure()
        from_bare = seconds(first.up)
    return [
        ("bare Debian to every URL answering over HTTPS, seconds", f"{from_bare:.0f}"),
        ("preview without changes, over SSH / locally", f"{there / here:.2f}"),
        ("Docker answers after a reboot to serving, seconds", f"{serving:.1f}"),
    ]


@contextmanager
def _on(host: SecondHost | BareHost) -> Iterator[Checkout]:
    place = Place("bench", host.docker_host, host.docker, host.address, host.environment())
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder) / "checkout", place, stack_name("bench-remote"))
        try:
            yield checkout
        finally:
            checkout.close()


def _preview(checkout: Checkout) -> float:
    return statistics.median(repeated(lambda: seconds(lambda: checkout.pulumi("preview"))))


def _serves(checkout: Checkout) -> bool:
    return bool(checkout.serves(checkout.url("welcome"), WELCOME_MARKER))
