"""Where the host names of sites lead, as this machine sees it, beside where the host is."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import psutil

from commands import live
from config import edited
from config.estate import Estate

PATIENCE = 3
"""Seconds for all answers together."""
_AT_MOST = 50  # names
# Nobody's DNS has them: of a machine, of a home's network, or of examples.
_LOCAL = ("localhost", "local", "internal", "home.arpa", "test", "invalid", "example")

Addresses = frozenset[str]
Ask = Callable[[str], Addresses]


def begin(stack: str, estate: Estate) -> Callable[[], list[str]]:
    """Ask where the names of sites lead that a preview is about: those whose files are edited, or
    that wait for an update. The sentences come from what this returns. A stack that contacts
    nothing outside asks nothing.
    """
    about = set(map(_stem, edited.from_environment())) or _waiting(stack)
    names = {host for site in estate.sites if site.name in about for host in site.full_hosts}
    asked = sorted(filter(_is_public, names))[:_AT_MOST] if estate.settings.outside else []
    host = estate.settings.docker_host
    listens = estate.entrance.address
    given = _ask_all(asked, addresses_of)
    own = _ask_all([host] if asked else [], addresses_of_host)
    until = time.monotonic() + PATIENCE

    def answered() -> list[str]:
        found = given(until)
        at = own(until).get(host)
        if at and not (listens.is_unspecified or listens.is_loopback):
            at |= {str(listens)}
        return [sentence(name, found.get(name), at) for name in asked]

    return answered


def sentence(name: str, leads: Addresses | None, host: Addresses | None) -> str:
    """What was seen of a name; None is what nobody could tell. What stands between visitors and a
    host, such as a router that passes them on, can't be seen from here.
    """
    if leads is None:
        return f"{name}: DNS gave no answer within {PATIENCE} s to where it leads."
    if not leads:
        return f"{name} leads nowhere: DNS has no address for it, so visitors won't get there yet."
    to = f"{name} leads to {_listed(leads)}"
    if not host:
        return f"{to}. Where the host is can't be told from here."
    if leads & host:
        beside = leads - host
        more = f", and to {_listed(beside)} as well" if beside else ""
        return f"{name} leads to the host, {_listed(leads & host)}{more}."
    if not any(ipaddress.ip_address(address).is_global for address in host):
        return (
            f"{to}, and the host is {_listed(host)} here: a private address, so its public one "
            "isn't known."
        )
    return (
        f"{to}, and the host is {_listed(host)}: visitors won't get there yet, unless the one "
        "passes them on to the other."
    )


def addresses_of(name: str) -> Addresses:
    """The addresses of a name; none where DNS knows of none. Raises OSError where it is silent."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
            return frozenset()
        raise
    return frozenset(str(entry[4][0]).partition("%")[0] for entry in found)


def addresses_of_host(docker_host: str) -> Addresses:
    """Where a stack's host is: this machine, or what `ssh` would connect to. Raises OSError."""
    if not docker_host.startswith("ssh://"):
        families = (socket.AF_INET, socket.AF_INET6)
        cards = psutil.net_if_addrs().values()
        return frozenset(
            address.address.partition("%")[0]
            for card in cards
            for address in card
            if address.family in families
        )
    # A person's configuration of ssh may name the host otherwise. This connects to nothing.
    argv = ["ssh", "-G", "--", docker_host]
    done = subprocess.run(
        argv,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    known = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    return addresses_of(known.get("hostname") or docker_host)


def _ask_all(names: Iterable[str], ask: Ask) -> Callable[[float], Mapping[str, Addresses]]:
    """Ask at once; what this returns waits until some moment for those that have answered. A
    question can't be taken back, so it may go on beside the program, and ends with it.
    """
    found: dict[str, Addresses] = {}

    def answer(name: str) -> None:
        try:
            found[name] = ask(name)
        except (OSError, subprocess.SubprocessError, UnicodeError):
            return

    threads = [threading.Thread(target=answer, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()

    def wait(until: float) -> Mapping[str, Addresses]:
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return dict(found)

    return wait


def _waiting(stack: str) -> set[str]:
    noted = live.last(stack) or {}
    return {name for name, digest in live.digests().items() if noted.get(name) != digest}


def _is_public(name: str) -> bool:
    return "." in name and not f".{name}".endswith(tuple(f".{ending}" for ending in _LOCAL))


def _stem(file: str) -> str:
    return file.removesuffix(".yaml")


def _listed(addresses: Addresses) -> str:
    first = sorted(addresses, key=lambda address: (":" in address, address))
    return " and ".join([", ".join(first[:-1]), first[-1]] if first[1:] else first)
