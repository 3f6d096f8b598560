"""Downloads that last while the gateway is reloaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.checkout import Checkout
from tests.e2e.sites import page
from tests.e2e.support.client import Http, get
from tests.e2e.support.waiting import wait_until

# Once is enough: nothing here depends on how the host is reached.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

_VERSIONS: tuple[Http, ...] = ("1.1", "2", "3")


@dataclass
class Trickle:
    """A server of this machine whose answers go on, a few bytes at a time, until it is told."""

    url: str = ""
    begun: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def trickle(few: Checkout) -> Iterator[Trickle]:
    """It stands where the gateway's way out leads."""
    trickle = Trickle()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            trickle.begun += 1
            while not trickle.over.wait(0.2):
                self.wfile.write(b"more ")
            self.wfile.write(b"and the end")

        def log_message(self, *_: object) -> None:
            """Nothing, instead of a line on standard error."""

    at = few.own_address("edge"), 0
    with ThreadingHTTPServer(at, Handler) as server:
        trickle.url = "http://{}:{}".format(*server.server_address)
        threading.Thread(target=server.serve_forever).start()
        yield trickle
        trickle.over.set()
        server.shutdown()


def test_a_download_goes_on_while_the_gateway_is_reloaded(few: Checkout, trickle: Trickle) -> None:
    """In every version of HTTP; over HTTP/3 for twelve seconds from the reload on."""
    few.configure(outside=True)
    few.write_site("trickle", f"hosts: [trickle]\nupstream: {trickle.url}\n")
    few.apply()
    with ThreadPoolExecutor() as pool:
        downloads = {http: pool.submit(_download, few, http) for http in _VERSIONS}
        wait_until(lambda: trickle.begun == len(downloads), "all are under way", seconds=10)
        page(few, "meanwhile", "marker-of-meanwhile")
        few.apply()
        few.serves(few.url("meanwhile"), "marker-of-meanwhile")
        trickle.over.set()
        for http, download in downloads.items():
            assert download.result().endswith("more and the end"), http


def _download(few: Checkout, http: Http) -> str:
    url, (address, port) = few.url("trickle"), (few.place.address, few.https)
    if http != "2":
        return get(url, address=(address, port), ca=few.ca, http=http, timeout=120).text
    # httpx ends its requests where a server asks for no further ones (GOAWAY); browsers don't.
    trusting, to = ("--cacert", str(few.ca)), ("--connect-to", f"::{address}:{port}")
    return few.run("curl", "--silent", "--show-error", "--http2", *trusting, *to, url).stdout
