"""`up`: bring the host to what the files say, after mending what an interrupted one left."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from commands import failures, leftovers, live, locks, orphans, ports, probe, restoring, scheduled
from commands.context import Context
from commands.pulumi_cli import backend, capture, deployment, told
from commands.table import table
from config import edited


def run(context: Context) -> int:
    """Update the stack and print its URLs. 0 when the update succeeded and every URL answers."""
    _ = context.estate  # every problem of every file, before anything is touched
    files = live.digests(laid_over=edited.from_environment())
    asks = not context.may_act("updating")
    known = ready(context)
    if asks:
        if code := told(context, "preview", "--refresh", known=known):
            return code
        if not context.says_yes(f"That is what changes on stack {context.stack}."):
            return 1
    return whole(context, known, files)


def ready(context: Context, *, restores: bool = False) -> dict[str, Any]:
    """Mend what an interrupted update left; what the state knows. Raises CommandError if the stack
    has half of a restore's data, unless it is the restore (`restores`) that goes on.
    """
    locks.release_dead(context)
    orphans.end()
    # Read after the lock is known to be free: an update that just ended made things that an
    # older reading would take for leftovers.
    known = deployment(context)
    if not context.is_bare():
        if not restores:
            restoring.refuse(context)
        leftovers.clear(context, known, backend())
        ports.check_free(context)
    return known


def update(context: Context, known: Mapping[str, Any], *arguments: str) -> int:
    """Update what the state knows without asking; the engine's exit code."""
    code = told(context, "up", "--refresh", "--yes", "--skip-preview", *arguments, known=known)
    if code:
        failures.explain(context)
    return code


def whole(context: Context, known: Mapping[str, Any], files: Mapping[str, str]) -> int:
    """Update all of it, note the digests of sites' `files`, and print the URLs. 0 when the update
    succeeded and every URL answers.
    """
    if updated := update(context, known):
        return updated
    live.note(context.stack, files)
    scheduled.keep_state(context, capture)
    # Asked here as well: the update itself asks only when it changed something, and Docker
    # starts a stopped container without waiting for it.
    served = probe.run(context)
    print()
    print(table(("name", "url"), [(url["name"], url["url"]) for url in _welcome_first(context)]))
    _print_hosts_line(context)
    return served


def _welcome_first(context: Context) -> list[dict[str, str]]:
    return sorted(context.estate.urls(), key=lambda url: url["name"] != "welcome")


def _print_hosts_line(context: Context) -> None:
    """Browsers and curl know `*.localhost` by themselves; other programs ask the resolver."""
    served = sorted({urlsplit(url["url"]).hostname or "" for url in context.estate.urls()})
    local = [host for host in served if host.endswith(".localhost")]
    # Until the first that it doesn't know: it may take long for each of those, one after the other.
    if not all(map(_resolves, local)):
        print("\nBrowsers find these by themselves. For other programs, add to /etc/hosts:")
        print(f"{context.settings.listen.address} {' '.join(local)}")


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
