"""What others notice of visitors who are broken, slow or hostile."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from passlib.hash import bcrypt

from bench.rates import TOOLS, Rate, h2load
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
    """How slow the others' answers are beside each of them, and the gateway's memory."""
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
    quiet = statistics.median(each[_QUIET].p99 for each in rounds)
    return [
        (f"p99 of others beside {_QUIET}; memory", f"{quiet:.1f} ms; {memory[_QUIET]:.0f} MiB"),
        *(
            (f"{who}: p99 of others / beside {_QUIET}; memory", f"{p99:.1f}; {memory[who]:.0f} MiB")
            for who in list(annoying)[1:]
            for p99 in [statistics.median(each[who].p99 / each[_QUIET].p99 for each in rounds)]
        ),
    ]


def _others(there: There) -> Rate:
    return h2load(
        f"https://{there.host}/",
        there.https,
        "--h1",
        f"--rps={_EACH}",
        requests=_CLIENTS * _EACH * _SECONDS,
        clients=_CLIENTS,
    )
