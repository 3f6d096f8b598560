"""HAProxy alone, as visitors from far away meet it: in network namespaces with public addresses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

import docker
import pytest
import yaml
from docker.models.containers import Container

from components.gateway.haproxy_config import haproxy_config
from components.gateway.proxy import HOLD, RUN
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.second_host import requires_root
from tests.e2e.support.waiting import wait_until
from tests.unit.program import ROOT
from values.entrance import Listen

pytestmark = pytest.mark.skipif(requires_root() != "", reason=requires_root() or "root can")

_PORT = 8443
_LIMIT = 20
_HERE = "203.0.113.1"

# Opens connections from an address, and prints how many of them are left.
_VISIT = """
import json, socket, sys, time
here, port, visitor, number = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
left = []
for _ in range(number):
    try:
        left.append(socket.create_connection((here, port), 5, (visitor, 0)))
    except OSError:
        pass
time.sleep(1)
def is_open(one):
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
print(json.dumps(sum(map(is_open, left))))
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def haproxy() -> Iterator[Container]:
    """HAProxy with a limit, and no Caddy: whoever gets in, is held."""
    image = yaml.safe_load((ROOT / "config/images.yaml").read_text())["proxy"]
    stack = f"homeport/{stack_name('haproxy')}"
    listen = Listen(
        address=IPv4Address("0.0.0.0"),  # noqa: S104 - in the container
        http=8080,
        https=_PORT,
        connections_per_address=_LIMIT,
    )
    visitors = f"e2e-v{os.getpid()}"
    with closing(docker.from_env()) as client:
        try:
            container = client.containers.run(
                image,
                entrypoint=["sh", "-c", RUN],
                command=[],
                environment={"CONFIG": haproxy_config(listen), "HOLD": HOLD},
                network_mode="none",
                labels={containers.STACK: stack},
                detach=True,
            )
            container.reload()
            _join(visitors, container.attrs["State"]["Pid"])
            wait_until(lambda: _denied(container) == 0, "HAProxy answers", seconds=20)
            yield container
        finally:
            containers.remove_all(client, stack)
            subprocess.run(["ip", "netns", "delete", visitors], check=False)


def test_one_address_has_no_more_connections_than_the_limit(haproxy: Container) -> None:
    with _visit("203.0.113.2", _LIMIT + 10) as many, _visit("203.0.113.3", 5) as other:
        assert _left(many) == _LIMIT
        assert _left(other) == 5, "nobody else is refused"
    assert _denied(haproxy) == 10, "and it is told"


def test_private_addresses_have_no_limit(haproxy: Container) -> None:
    before = _denied(haproxy)
    with _visit("10.9.8.2", _LIMIT + 10) as many:
        assert _left(many) == _LIMIT + 10
    assert _denied(haproxy) == before


def _join(visitors: str, pid: int) -> None:
    """A network of its own for visitors, and a line from there to the container."""
    for command in (
        f"ip netns add {visitors}",
        f"ip link add {visitors}a netns {visitors} type veth peer name {visitors}b netns {pid}",
        f"ip -n {visitors} addr add 203.0.113.2/24 dev {visitors}a",
        f"ip -n {visitors} addr add 203.0.113.3/24 dev {visitors}a",
        f"ip -n {visitors} addr add 10.9.8.2/32 dev {visitors}a",
        f"ip -n {visitors} link set {visitors}a up",
        f"nsenter --net=/proc/{pid}/ns/net ip addr add {_HERE}/24 dev {visitors}b",
        f"nsenter --net=/proc/{pid}/ns/net ip link set {visitors}b up",
        f"nsenter --net=/proc/{pid}/ns/net ip route add 10.9.8.2 dev {visitors}b",
    ):
        subprocess.run(command.split(), check=True)


def _visit(visitor: str, number: int) -> subprocess.Popen[str]:
    """Connections that are left open until the block ends."""
    return subprocess.Popen(
        [
            *("ip", "netns", "exec", f"e2e-v{os.getpid()}"),
            *(sys.executable, "-c", _VISIT, _HERE, str(_PORT), visitor, str(number)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _left(visit: subprocess.Popen[str]) -> int:
    assert visit.stdout is not None
    return int(json.loads(visit.stdout.readline()))


def _denied(haproxy: Container) -> int:
    figures = containers.run_in(haproxy, "wget -q -O - http://127.0.0.1:2021/metrics")
    name = 'haproxy_frontend_denied_connections_total{proxy="https"} '
    (line,) = [line for line in figures.splitlines() if line.startswith(name)]
    return int(float(line.removeprefix(name)))
