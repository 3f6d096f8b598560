"""What others notice of visitors who are broken, slow or hostile."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from passlib.hash import bcrypt

from bench.rates import TOOLS, Rate, paced
from bench.servers import ip
from config.users import ROUNDS
from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support import containers
from tests.e2e.support.nuisance import HARMLESS, There, nuisance, wrong_passwords

_ROUNDS = 3
_CLIENTS, _EACH, _SECONDS = 8, 20, 6
"""Others are so many, who ask so often in a second, for so many seconds."""
_OTHER, _USER, _QUIET = "other", "ada", "nobody"


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """What 160 requests a second of others get beside each of them, and the gateway's memory."""
    if not shutil.which("h2load"):
        return [("not measured", f"install {TOOLS['h2load']}")]
    page(checkout, _OTHER, f"marker-of-{_OTHER}")
    checkout.set_secrets({f"users.{_USER}.hash": bcrypt.using(rounds=ROUNDS).hash("bench")})
    checkout.configure()
    checkout.up()
    gateway = [
        containers.one(checkout.docker, checkout.label, each) for each in ("proxy", "router")
    ]
    at = ip(gateway[0])
    there = There(
        http=(at, checkout.http),
        plain_host="welcome.localhost",
        https=(at, checkout.https),
        host=f"{_OTHER}.localhost",
    )
    guarded = There(there.http, there.plain_host, there.https, "pypi.localhost")
    annoying: dict[str, Callable[[], AbstractContextManager[None]]] = {
        _QUIET: nullcontext,
        **{each.__name__.replace("_", " "): partial(nuisance, each, there) for each in HARMLESS},
        "20 wrong passwords a second": partial(nuisance, wrong_passwords(_USER), guarded),
        "20 of a name that nobody has": partial(nuisance, wrong_passwords("eve"), guarded),
    }
    rounds: list[dict[str, Rate]] = []
    memory = dict.fromkeys(annoying, 0.0)
    for _ in range(_ROUNDS):
        rounds.append({})
        for who, annoy in annoying.items():
            with annoy():
                rounds[-1][who] = _others(there)
                memory[who] = max(memory[who], containers.resident_mib(*gateway))
    return [
        (
            f"{who}: p99 of others, ms; their answers a second; MiB",
            f"{statistics.median(each[who].p99 for each in rounds):.1f}; "
            f"{statistics.median(each[who].per_second for each in rounds):.0f}; {mib:.0f}",
        )
        for who, mib in memory.items()
    ]


def _others(there: There) -> Rate:
    return paced(
        f"https://{there.host}/", there.https, clients=_CLIENTS, each=_EACH, seconds=_SECONDS
    )
