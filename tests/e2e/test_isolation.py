"""From inside a site's own code: what it reaches, and what it doesn't."""

from __future__ import annotations

import json

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import write
from tests.e2e.support import containers
from tests.e2e.support.second_host import SecondHost, requires_root

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_ASK = """<?php
[$host, $port] = explode(':', $_GET['at']);
$socket = @fsockopen($host, (int) $port, $code, $message, 2);
echo json_encode(['connected' => (bool) $socket, 'why' => $message]);
"""
_READ = "<?php echo json_encode(['text' => @file_get_contents($_GET['path'])]);"


@pytest.fixture(scope="module", autouse=True)
def pages(estate: Checkout) -> None:
    """Pages that ask from inside, one of them on a site with a way out."""
    for name, more in (("inside", ""), ("outgoing", "egress: true\n")):
        write(estate, f"sites/{name}/ask.php", _ASK)
        write(estate, f"sites/{name}/read.php", _READ)
        estate.write_site(
            name, f"hosts: [{name}]\nsource: {{folder: sites/{name}}}\nruntime: php\n{more}"
        )
    estate.up()


@pytest.mark.parametrize("site", ["inside", "outgoing"])
def test_a_neighbours_php_fpm_and_files_are_out_of_reach(estate: Checkout, site: str) -> None:
    neighbour = _address(estate, "program", "web")
    assert not _connects(estate, site, f"{neighbour}:9000")
    for path in ("/srv/../program/index.php", "/var/lib/docker", "/etc/caddy/current/../../x"):
        assert _reads(estate, site, path) in (None, "", False)


@pytest.mark.parametrize("site", ["inside", "outgoing"])
def test_no_service_port_answers_a_site(estate: Checkout, site: str) -> None:
    for part, network in (
        ("proxy", "edge"),
        ("router", "edge"),
        ("router", "web"),
        ("router", "services"),
    ):
        gateway = _address(estate, part, network)
        assert not _connects(estate, site, f"{gateway}:2019"), "Caddy's admin endpoint"
        assert not _connects(estate, site, f"{gateway}:2020"), "the health check's"
        assert not _connects(estate, site, f"{gateway}:2021"), "the metrics'"
        assert not _connects(estate, site, f"{gateway}:2022"), "the question for certificates"
        assert not _connects(estate, site, f"{gateway}:443"), "where certificates are kept"


@pytest.mark.skipif(requires_root() != "", reason=requires_root() or "root can")
def test_only_a_site_with_egress_reaches_another_machine(estate: Checkout) -> None:
    with SecondHost() as machine:
        sshd = f"{machine.address}:22"
        assert _connects(estate, "outgoing", sshd)
        assert not _connects(estate, "inside", sshd)


def test_egress_is_no_way_to_a_peer(estate: Checkout) -> None:
    assert not _connects(estate, "outgoing", f"{_address(estate, 'proxy', 'edge')}:{estate.https}")


def _connects(estate: Checkout, site: str, at: str) -> bool:
    answer = estate.get(f"{estate.url(site)}ask.php?at={at}")
    assert answer.status == 200, answer.text
    return bool(json.loads(answer.text)["connected"])


def _reads(estate: Checkout, site: str, path: str) -> object:
    return json.loads(estate.get(f"{estate.url(site)}read.php?path={path}").text)["text"]


def _address(estate: Checkout, component: str, network: str) -> str:
    container = containers.one(estate.docker, estate.label, component)
    networks = container.attrs["NetworkSettings"]["Networks"]
    (found,) = [at for name, at in networks.items() if name.startswith(f"{network}-")]
    return str(found["IPAddress"])
