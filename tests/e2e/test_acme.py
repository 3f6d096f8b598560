"""Certificates by ACME, from a server of the test's own, on a remote host. In this order."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, Place
from tests.e2e.sites import page
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
    ports = _challenged_at(public, "TLS-ALPN-01")
    with _acme(public, tmp_path_factory, ports, lifetime=_DAY) as acme:
        _use(public, acme)
        yield acme


def test_certificates_are_issued_and_serve(public: Checkout, acme: Acme) -> None:
    _site(public, "alpha")
    _site(public, "beta")
    public.command("up")
    for name in ("alpha", "beta"):
        answer = public.serves(_url(public, name), f"marker-of-{name}")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert acme.issued() == 2
    assert "alpha" in public.command("status").stdout


def test_a_restart_asks_for_none_again(public: Checkout, acme: Acme) -> None:
    for component in ("router", "proxy"):
        containers.one(public.docker, public.label, component).restart()
    wait_until(lambda: public.serves(_url(public, "alpha"), "marker-of-alpha"), "alpha serves")
    assert acme.issued() == 2


def test_one_failing_name_holds_up_no_other(public: Checkout, acme: Acme) -> None:
    acme.mislead(_host("lost"))
    lost = _site(public, "lost")
    _site(public, "late")
    # What never answers is waited for.
    probe = public.folder / "commands/probe.py"
    patient = probe.read_text()
    assert "\n_PATIENCE = 60 " in patient
    probe.write_text(patient.replace("\n_PATIENCE = 60 ", "\n_PATIENCE = 20 "))
    done = public.command("up", check=False)
    probe.write_text(patient)
    assert done.returncode != 0
    assert f"https://{_host('lost')}:{public.https} (lost): no answer" in done.stdout, (
        "the update names the host"
    )
    for name in ("alpha", "late"):
        public.serves(_url(public, name), f"marker-of-{name}")
    assert refusal(_host("lost"), address=(public.place.address, public.https))
    lost.unlink()


def test_a_certificate_is_renewed(
    public: Checkout, acme: Acme, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ports = _challenged_at(public, "HTTP-01")
    with _acme(public, tmp_path_factory, ports, lifetime=_BRIEF) as brief:
        _use(public, brief)
        _site(public, "brief")
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
    return lambda: public.serves(_url(public, "brief"), "marker-of-brief")


def _due(public: Checkout, name: str) -> float:
    """When Caddy renews the certificate that a host shows."""
    context = ssl.create_default_context(cafile=public.ca)
    with (
        socket.create_connection((public.place.address, public.https), 5) as plain,
        context.wrap_socket(plain, server_hostname=_host(name)) as connection,
    ):
        certificate = connection.getpeercert()
    assert certificate
    begin, end = (
        ssl.cert_time_to_seconds(str(certificate[f"not{x}"])) for x in ("Before", "After")
    )
    return end - (end - begin) / 3


def _challenged_at(public: Checkout, challenge: str) -> dict[str, int]:
    """The ports at which a server asks that lets only one kind of challenge pass."""
    nobody = 9
    if challenge == "HTTP-01":
        return {"http": public.http, "https": nobody}
    return {"http": nobody, "https": public.https}


def _acme(
    public: Checkout, folders: pytest.TempPathFactory, ports: dict[str, int], *, lifetime: int
) -> Acme:
    ours = public.place.address.rpartition(".")[0] + ".1"  # the other end of the cable
    return Acme(
        folders.mktemp("acme") / "server",
        listen=ours,
        gateway=public.place.address,
        **ports,
        lifetime=lifetime,
    )


def _use(public: Checkout, acme: Acme) -> None:
    """Have the stack ask this server, and believe what it issues."""
    (public.folder / "config/ca.pem").write_text(acme.roots())
    public.ca.write_text(acme.roots())
    tls = {"issuer": "letsencrypt", "directory": acme.directory, "root": "config/ca.pem"}
    public.extra = {"tls": tls, "outside": True, "host_suffix": "", "plain_http": []}
    public.configure()


def _site(public: Checkout, name: str) -> Path:
    page(public, name, f"marker-of-{name}")
    return public.write_site(
        name,
        f"hosts: [{_host(name)}]\nsource: {{folder: sites/{name}}}\nemail: ada@example.com\n",
    )


def _host(name: str) -> str:
    return f"{name}.homeport.test"


def _url(public: Checkout, name: str) -> str:
    return f"https://{_host(name)}:{public.https}/"
