"""What a vault costs an update, and how soon it answers after a kill."""

from __future__ import annotations

import statistics

from bench.clock import repeated, seconds
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.waiting import wait_until
from tests.e2e.vaulted import Vaulted

_SERVICES, _ENVIRONMENTS = 10, ("local", "test", "staging", "prod")
_KEYS: dict[str, object] = {
    "port": {"port": 8000},
    "home": "url of welcome",
    "settings": {"config": "some text"},
    "password": "credential generated",
    "token": "credential by hand",
}


def measure(checkout: Checkout) -> list[tuple[str, str]]:
    """The estate without a vault first, then with a full one."""
    checkout.up()
    # The quickest of several: what other work on the machine adds isn't the vault's.
    without = min(repeated(lambda: seconds(checkout.up)))
    vaulted = Vaulted(checkout)
    vaulted.services = {
        f"service-{number}": dict.fromkeys(_ENVIRONMENTS, _KEYS) for number in range(_SERVICES)
    }
    vaulted.section.pop("values")
    vaulted.rights = {"ada": {"write": ["*/*"]}}
    vaulted.write()
    first = seconds(checkout.up)
    again = min(repeated(lambda: seconds(checkout.up)))
    size = f"{_SERVICES} services with {len(_ENVIRONMENTS)} environments each"
    return [
        (f"first `up` with {size}, seconds beyond one without", f"{first - without:.1f}"),
        ("the same without changes", f"{again - without:.1f}"),
        (
            "SIGKILL to the first read, seconds",
            f"{statistics.median(repeated(lambda: _kill_to_read(vaulted))):.1f}",
        ),
    ]


def _kill_to_read(vaulted: Vaulted) -> float:
    checkout = vaulted.checkout
    application = vaulted.application("service-0/prod")
    containers.wait_healthy(checkout.docker, checkout.label, "vault")
    server = containers.one(checkout.docker, checkout.label, "vault")
    containers.signal_service(server, "KILL")
    return wait_until(
        lambda: vaulted.status(application, "service-0/prod") == 200,
        "the vault answers",
        every=0.05,
    )
