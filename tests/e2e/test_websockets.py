"""A websocket that is open while the gateway is reloaded."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.e2e.checkout import Checkout
from tests.e2e.sites import page

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)


@pytest.fixture
def echo(few: Checkout) -> Iterator[str]:
    """The URL of an echo server of this machine, where the gateway's way out leads."""
    with serve(_echo, few.own_address("edge"), 0) as server:
        host, port = server.socket.getsockname()
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{host}:{port}"


def test_a_websocket_outlives_a_reload_as_long_as_the_setting_says(
    few: Checkout, echo: str
) -> None:
    few.configure(outside=True)
    few.write_site("outside", f"hosts: [outside]\nupstream: {echo}\n")
    few.apply()
    with _opened(few) as kept:
        # The reload that brings the new setting is still ruled by the old one.
        few.configure(outside=True, stream_close_delay="0s")
        _add_a_site(few, "added", asking=kept)
        with _opened(few) as dropped, pytest.raises(ConnectionClosed):
            _add_a_site(few, "added-later", asking=dropped)
        _assert_echoes(kept, "while the other one was dropped")


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextmanager
def _opened(few: Checkout) -> Iterator[ClientConnection]:
    """A websocket through the gateway, over verified TLS, that has answered once."""
    with connect(
        few.url("outside").replace("https://", "wss://"),
        sock=socket.create_connection((few.place.address, few.https), 5),
        ssl=ssl.create_default_context(cafile=few.ca),
        proxy=None,
    ) as connection:
        _assert_echoes(connection, "at first")
        yield connection


def _assert_echoes(connection: ClientConnection, message: str) -> None:
    connection.send(message)
    assert connection.recv(timeout=5) == message


def _add_a_site(few: Checkout, name: str, *, asking: ClientConnection) -> None:
    """Add a site, which reloads the gateway, and ask over the websocket all the while.

    Raises what the websocket raised.
    """
    page(few, name, f"marker-of-{name}")
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(few.apply)
        asked = 0
        while not update.done():
            asked += 1
            _assert_echoes(asking, f"{asked} while {name} is added")
            time.sleep(0.1)
    update.result()
    few.serves(few.url(name), f"marker-of-{name}")
    _assert_echoes(asking, f"after {name} was added")
