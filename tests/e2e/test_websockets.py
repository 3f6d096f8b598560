"""A websocket that is open while the gateway is reloaded."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.e2e.checkout import Checkout
from tests.e2e.sites import every_kind, page
from tests.e2e.support.containers import labelled

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


@pytest.fixture
def echo(estate: Checkout) -> Iterator[str]:
    """The URL of an echo server of this machine, where the gateway's way out leads.

    The estate is as it was afterwards.
    """
    (edge,) = [
        network
        for network in estate.docker.networks.list(filters=labelled(estate.label))
        if str(network.name).startswith("edge-")
    ]
    with serve(_echo, edge.attrs["IPAM"]["Config"][0]["Gateway"], 0) as server:
        host, port = server.socket.getsockname()
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{host}:{port}"
    for file in (estate.folder / "config/sites").glob("added*.yaml"):
        file.unlink()
    every_kind(estate)
    estate.up()


def test_a_websocket_outlives_a_reload_as_long_as_the_setting_says(
    estate: Checkout, echo: str
) -> None:
    estate.write_site("outside", f"hosts: [outside]\nupstream: {echo}\n")
    estate.configure(outside=True)
    estate.up()
    with _opened(estate) as kept:
        _add_a_site(estate, "added", asking=kept)
        # The reload that brings the new setting is still ruled by the old one.
        estate.configure(outside=True, stream_close_delay="0s")
        estate.up()
        _assert_echoes(kept, "after both reloads")
        with _opened(estate) as dropped, pytest.raises(ConnectionClosed):
            _add_a_site(estate, "added-later", asking=dropped)
        _assert_echoes(kept, "while the other one was dropped")


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def _opened(estate: Checkout) -> closing[ClientConnection]:
    """A websocket through the gateway, over verified TLS, that has answered once."""
    connection = connect(
        estate.url("outside").replace("https://", "wss://"),
        sock=socket.create_connection((estate.place.address, estate.https), 5),
        ssl=ssl.create_default_context(cafile=estate.ca),
        proxy=None,
    )
    _assert_echoes(connection, "at first")
    return closing(connection)


def _assert_echoes(connection: ClientConnection, message: str) -> None:
    connection.send(message)
    assert connection.recv(timeout=5) == message


def _add_a_site(estate: Checkout, name: str, *, asking: ClientConnection) -> None:
    """Add a site, which reloads the gateway, and ask over the websocket all the while.

    Raises what the websocket raised.
    """
    page(estate, name, f"marker-of-{name}")
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(estate.up)
        asked = 0
        while not update.done():
            asked += 1
            _assert_echoes(asking, f"{asked} while {name} is added")
            time.sleep(0.1)
    update.result()
    estate.serves(estate.url(name), f"marker-of-{name}")
    _assert_echoes(asking, f"after {name} was added")
