"""A stack whose certificates come from an ACME server of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support.acme import Acme


def challenged_at(public: Checkout, challenge: str) -> dict[str, int]:
    """The ports at which a server asks that lets only one kind of challenge pass."""
    nobody = 9
    if challenge == "HTTP-01":
        return {"http": public.http, "https": nobody}
    return {"http": nobody, "https": public.https}


def acme_server(
    public: Checkout, folders: pytest.TempPathFactory, ports: dict[str, int], *, lifetime: int
) -> Acme:
    """A server that issues what it is asked for by hosts of the stack."""
    ours = public.place.address.rpartition(".")[0] + ".1"  # the other end of the cable
    return Acme(
        folders.mktemp("acme") / "server",
        listen=ours,
        gateway=public.place.address,
        **ports,
        lifetime=lifetime,
    )


def use(public: Checkout, acme: Acme) -> None:
    """Have the stack ask this server, and believe what it issues."""
    (public.folder / "config/ca.pem").write_text(acme.roots())
    public.ca.write_text(acme.roots())
    tls = {"issuer": "letsencrypt", "directory": acme.directory, "root": "config/ca.pem"}
    public.extra = {"tls": tls, "outside": True, "host_suffix": "", "plain_http": []}
    public.configure()


def site(public: Checkout, name: str) -> Path:
    """A site with a certificate of its own: its file."""
    page(public, name, f"marker-of-{name}")
    return public.write_site(
        name,
        f"hosts: [{host(name)}]\nsource: {{folder: sites/{name}}}\nemail: ada@example.com\n",
    )


def host(name: str) -> str:
    """The name of a site's host."""
    return f"{name}.homeport.test"


def url(public: Checkout, name: str) -> str:
    """Where a site is."""
    return f"https://{host(name)}:{public.https}/"
