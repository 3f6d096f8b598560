"""Certificates by ACME, from a server of the test's own, on a remote host. In this order."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.certified import acme_server, challenged_at, host, site, url, use
from tests.e2e.checkout import Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.acme import TOOLS, Acme
from tests.e2e.support.clean import stack_name
from tests.e2e.support.client import refusal
from tests.e2e.support.waiting import wait_until

pytestmark = [
    pytest.mark.parametrize("place", ["ssh"], indirect=True),
    pytest.mark.skipif(
        not (TOOLS / "pebble").exists(), reason="setup/test-tools builds Pebble where Go is"
    ),
]

_DAY = 86400
_BRIEF = 45  # seconds


@pytest.fixture(scope="module")
def public(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack of hosts with names of their own, as on a public server. It isn't up yet."""
    folder = tmp_path_factory.mktemp("acme")
    checkout = Checkout(folder / "checkout", place, stack_name("acme"))
    (checkout.folder / "config/sites/welcome.yaml").unlink()
    try:
        yield checkout
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def acme(public: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    ports = challenged_at(public, "TLS-ALPN-01")
    with acme_server(public, tmp_path_factory, ports, lifetime=_DAY) as acme:
        use(public, acme)
        yield acme


def test_certificates_are_issued_and_serve(public: Checkout, acme: Acme) -> None:
    site(public, "alpha")
    site(public, "beta")
    public.command("up")
    for name in ("alpha", "beta"):
        answer = public.serves(url(public, name), f"marker-of-{name}")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert acme.issued() == 2
    assert "alpha" in public.command("status").stdout


def test_a_restart_asks_for_none_again(public: Checkout, acme: Acme) -> None:
    for component in ("router", "proxy"):
        containers.one(public.docker, public.label, component).restart()
    wait_until(lambda: public.serves(url(public, "alpha"), "marker-of-alpha"), "alpha serves")
    assert acme.issued() == 2


def test_one_failing_name_holds_up_no_other(public: Checkout, acme: Acme) -> None:
    acme.mislead(host("lost"))
    lost = site(public, "lost")
    site(public, "late")
    # What never answers is waited for.
    probe = public.folder / "commands/probe.py"
    patient = probe.read_text()
    assert "\n_PATIENCE = 60 " in patient
    probe.write_text(patient.replace("\n_PATIENCE = 60 ", "\n_PATIENCE = 20 "))
    done = public.command("up", check=False)
    probe.write_text(patient)
    assert done.returncode != 0
    assert f"https://{host('lost')}:{public.https} (lost): no answer" in done.stdout, (
        "the update names the host"
    )
    for name in ("alpha", "late"):
        public.serves(url(public, name), f"marker-of-{name}")
    assert refusal(host("lost"), address=(public.place.address, public.https))
    lost.unlink()


def test_a_certificate_is_renewed(
    public: Checkout, acme: Acme, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ports = challenged_at(public, "HTTP-01")
    with acme_server(public, tmp_path_factory, ports, lifetime=_BRIEF) as brief:
        use(public, brief)
        site(public, "brief")
        public.ca.write_text(brief.roots())
        with ThreadPoolExecutor(1) as beside:
            # Its end may be later than that of the certificate.
            update = beside.submit(public.pulumi, "up", "--yes", "--skip-preview", check=False)
            wait_until(_brief_serves(public), "brief serves", seconds=180)
            due = _due(public, "brief")
            update.result()
        issued = brief.issued()
        wait_until(lambda: time.time() > due, "the last third of its life has begun")
        # Caddy looks every ten minutes, and when it starts.
        containers.one(public.docker, public.label, "router").restart()
        wait_until(_brief_serves(public), "it is renewed")
        assert brief.issued() > issued


def _brief_serves(public: Checkout) -> Callable[[], object]:
    return lambda: public.serves(url(public, "brief"), "marker-of-brief")


def _due(public: Checkout, name: str) -> float:
    """When Caddy renews the certificate that a host shows."""
    context = ssl.create_default_context(cafile=public.ca)
    with (
        socket.create_connection((public.place.address, public.https), 5) as plain,
        context.wrap_socket(plain, server_hostname=host(name)) as connection,
    ):
        certificate = connection.getpeercert()
    assert certificate
    begin, end = (
        ssl.cert_time_to_seconds(str(certificate[f"not{x}"])) for x in ("Before", "After")
    )
    return end - (end - begin) / 3
