"""From inside a site's own code: what it reaches, and what it doesn't."""

from __future__ import annotations

import json

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.second_host import SecondHost, requires_root

# Once is enough: nothing here depends on how the host is reached. The second host has no way out,
# so a site's way out can only be seen here.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


@pytest.mark.parametrize("site", ["inside", "outgoing"])
def test_a_neighbours_php_fpm_and_files_are_out_of_reach(estate: Checkout, site: str) -> None:
    neighbour = _address(estate, "program", "web")
    assert _reached(estate, site, f"{neighbour}:9000") == set()
    for path in ("/srv/../program/index.php", "/var/lib/docker", "/etc/caddy/current/../../x"):
        assert _reads(estate, site, path) in (None, "", False)


@pytest.mark.parametrize("site", ["inside", "outgoing"])
def test_no_service_port_answers_a_site(estate: Checkout, site: str) -> None:
    # Caddy's admin endpoint, the health check's, figures of both, and those that are published:
    # a visitor's address is what HAProxy says, so no site speaks to the router as HAProxy does.
    ports = (2019, 2020, 2021, 2023, 80, 443, estate.http, estate.https)
    gateway = [("proxy", "edge"), ("router", "edge"), ("router", "web"), ("router", "services")]
    internal = [
        f"{_address(estate, part, network)}:{port}" for part, network in gateway for port in ports
    ]
    publisher = f"{_address(estate, 'publisher', 'services')}:8000"
    assert _reached(estate, site, *internal, publisher) == set()


@pytest.mark.skipif(requires_root() != "", reason=requires_root() or "root can")
def test_only_a_site_with_egress_reaches_another_machine(estate: Checkout) -> None:
    with SecondHost() as machine:
        sshd = f"{machine.address}:22"
        assert _reached(estate, "outgoing", sshd) == {sshd}
        assert _reached(estate, "inside", sshd) == set()


def test_egress_is_no_way_to_a_peer(estate: Checkout) -> None:
    peer = f"{_address(estate, 'proxy', 'edge')}:{estate.https}"
    assert _reached(estate, "outgoing", peer) == set()


def _reached(estate: Checkout, site: str, *addresses: str) -> set[str]:
    """Which of them a page of the site could connect to."""
    itself = "127.0.0.1:80"  # the proof that the page looks
    query = "&".join(f"at[]={at}" for at in (itself, *addresses))
    answer = estate.get(f"{estate.url(site)}ask.php?{query}")
    assert answer.status == 200, answer.text
    reached = set(json.loads(answer.text))
    assert itself in reached
    return reached - {itself}


def _reads(estate: Checkout, site: str, path: str) -> object:
    return json.loads(estate.get(f"{estate.url(site)}read.php?path={path}").text)["text"]


def _address(estate: Checkout, component: str, network: str) -> str:
    container = containers.one(estate.docker, estate.label, component)
    networks = container.attrs["NetworkSettings"]["Networks"]
    (found,) = [at for name, at in networks.items() if name.startswith(f"{network}-")]
    return str(found["IPAddress"])
