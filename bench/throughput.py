"""Requests per second and slow answers: through the gateway, of the site itself, and of nginx."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker.models.containers import Container

from tests.e2e.checkout import Checkout, free_port
from tests.e2e.support import containers
from tests.e2e.support.client import Address, serves
from tests.e2e.support.waiting import wait_until

_TOOLS = {"h2load": "nghttp2-client", "nginx": "nginx-light", "openssl": "openssl"}
"""What it takes beside Docker, with the Debian package of each."""
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_CERTIFICATE = "certificate.pem"
_ROUNDS = 5
_REQUESTS = 8_000
_CLIENTS = 16

# The gateway's job, as nginx's own documents say to do it: TLS for one host, access logs, and
# kept connections to the site.
_NGINX = """\
daemon off;
worker_processes auto;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log access.log;
    {temporary}
    upstream site {{
        server {site};
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        server_name {host};
        ssl_certificate certificate.pem;
        ssl_certificate_key key.pem;
        keepalive_requests {requests};
        add_header X-Content-Type-Options nosniff;
        add_header Referrer-Policy strict-origin-when-cross-origin;
        location / {{
            proxy_pass http://site;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Rate:
    """How quickly a server answered one round of requests."""

    per_second: float
    p99: float
    """Milliseconds within which 99 of 100 were answered."""


def throughput(checkout: Checkout, name: str) -> list[tuple[str, str]]:
    """Requests of a site, one server after the other, and that several times.

    The gateway and the site's container are asked at their addresses on Docker's bridges, nginx
    on loopback: nobody's requests go through Docker's proxy for published ports.
    """
    if missing := [f"{tool} ({_TOOLS[tool]})" for tool in _TOOLS if not _program(tool)]:
        print(f"No requests per second: install {', '.join(missing)}", file=sys.stderr)
        return []
    host, marker = f"{name}.localhost", f"marker-of-{name}"
    site = _ip(containers.one(checkout.docker, checkout.label, name)), 80
    gateway = _gateway(checkout), checkout.https
    with tempfile.TemporaryDirectory() as folder, _nginx(Path(folder), host, site, marker) as nginx:
        checkout.serves(checkout.url(name), marker)
        secure, plain = f"https://{host}/", f"http://{host}/"
        asked: dict[str, Callable[[], Rate]] = {
            "gateway": lambda: _rate(secure, gateway, "--h1"),
            "site": lambda: _rate(plain, site, "--h1"),
            "nginx": lambda: _rate(secure, nginx, "--h1"),
            "gateway, HTTP/2": lambda: _rate(secure, gateway),
            "nginx, HTTP/2": lambda: _rate(secure, nginx),
        }
        rounds = [{who: ask() for who, ask in asked.items()} for _ in range(_ROUNDS)]
    return [*_figures(rounds), *_ratios(rounds)]


def _figures(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    for who in rounds[0]:
        per_second = statistics.median(each[who].per_second for each in rounds)
        p99 = statistics.median(each[who].p99 for each in rounds)
        yield f"{who}: requests per second, p99", f"{per_second:,.0f}, {p99:.1f} ms"


def _ratios(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    """The middle one of the ratios that each round gives."""
    for one, other in (
        ("gateway", "site"),
        ("gateway", "nginx"),
        ("gateway, HTTP/2", "nginx, HTTP/2"),
    ):
        per_second = statistics.median(r[one].per_second / r[other].per_second for r in rounds)
        p99 = statistics.median(r[one].p99 / r[other].p99 for r in rounds)
        yield f"{one} / {other}: requests per second, p99", f"{per_second:.2f}, {p99:.2f}"


def _rate(url: str, address: Address, *options: str) -> Rate:
    """One round; RuntimeError unless every request was answered with 200."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        subprocess.run(
            [
                "h2load",
                *(f"--requests={_REQUESTS}", f"--clients={_CLIENTS}", f"--log-file={log}"),
                *(f"--connect-to={address[0]}:{address[1]}", *options, url),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        # Each line: when it was sent, in microseconds; status; microseconds until the answer.
        answers = [tuple(map(int, line.split("\t"))) for line in log.read_text().splitlines()]
    good = sum(status == 200 for _, status, _ in answers)
    if good != _REQUESTS:
        raise RuntimeError(f"{url} at {address}: only {good} of {_REQUESTS} were answered with 200")
    lasted = max(sent + took for sent, _, took in answers) - min(sent for sent, _, _ in answers)
    p99 = sorted(took for _, _, took in answers)[_REQUESTS * 99 // 100]
    return Rate(_REQUESTS / lasted * 1e6, p99 / 1e3)


@contextmanager
def _nginx(folder: Path, host: str, site: Address, marker: str) -> Iterator[Address]:
    """Run nginx on loopback in front of the site's container, for as long as the block lasts."""
    port = free_port("127.0.0.1")
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        _NGINX.format(
            host=host,
            site=f"{site[0]}:{site[1]}",
            port=port,
            requests=_REQUESTS,
            temporary=" ".join(f"{each}_temp_path {each};" for each in temporary),
        )
    )
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-subj", f"/CN={host}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),  # as Caddy's are
            *("-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", folder / "key.pem", "-out", folder / _CERTIFICATE),
        ],
        check=True,
        capture_output=True,
    )
    process = subprocess.Popen(
        [_program("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", "error.log"]
    )
    url, address, ca = f"https://{host}/", ("127.0.0.1", port), folder / _CERTIFICATE
    try:
        wait_until(lambda: serves(url, marker, address=address, ca=ca), "nginx serves", seconds=10)
        yield address
    finally:
        process.terminate()
        process.wait()


def _program(name: str) -> str:
    return shutil.which(name, path=_PATH) or ""


def _gateway(checkout: Checkout) -> str:
    """The address of the container that publishes the HTTPS port."""
    (container,) = [
        each
        for each in containers.all_of(checkout.docker, checkout.label)
        if f"{checkout.https}/tcp" in (each.attrs["HostConfig"]["PortBindings"] or {})
    ]
    return _ip(container)


def _ip(container: Container) -> str:
    """Its address on any of its networks; this machine stands in all of them."""
    networks = container.attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
