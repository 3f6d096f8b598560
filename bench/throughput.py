"""Requests per second and slow answers: through the gateway, of the site itself, and of nginx."""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docker.models.containers import Container
from docker.types import LogConfig

from offline.images.debian import debian
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.client import Address, serves
from tests.e2e.support.waiting import wait_until

_TOOLS = {"h2load": "nghttp2-client", "openssl": "openssl"}
"""What it takes beside Docker, with the Debian package of each."""
_ROUNDS = 5
_REQUESTS = 8_000
_CLIENTS = 16
_GATEWAY = ("proxy", "router")
_OTHERS = ("Caddy", "nginx")
_AT = "/bench"
"""Where the servers that the gateway is compared with have their files."""

# The gateway's job, done by one server alone: TLS, access logs, compression, figures by host, the
# same headers, and kept connections to the site.
_CADDY = """\
{{
    admin off
    auto_https disable_redirects
    metrics {{
        per_host
    }}
}}
https://{host} {{
    tls {at}/certificate.pem {at}/key.pem
    log {{
        output stdout
        format json
    }}
    encode zstd gzip
    header ?X-Content-Type-Options nosniff
    header ?Referrer-Policy strict-origin-when-cross-origin
    reverse_proxy {site}
}}
"""
_NGINX = """\
daemon off;
worker_processes auto;
error_log stderr;
events {{}}
http {{
    access_log /dev/stdout;
    gzip on;
    gzip_proxied any;
    upstream site {{
        server {site};
        keepalive 32;
    }}
    server {{
        listen 443 ssl http2;
        server_name {host};
        ssl_certificate {at}/certificate.pem;
        ssl_certificate_key {at}/key.pem;
        keepalive_requests 1000000;
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
_NGINX_IMAGE = "homeport/bench-nginx:1"
_NGINX_DOCKERFILE = """\
FROM {debian}
RUN apt-get update && apt-get install --yes nginx-light && rm -rf /var/lib/apt/lists/*
"""


@dataclass(frozen=True)
class Rate:
    """How quickly a server answered one round of requests."""

    per_second: float
    p99: float
    """Milliseconds within which 99 of 100 were answered."""


def throughput(checkout: Checkout, name: str) -> list[tuple[str, str]]:
    """Requests of a site, one server after the other, and that several times, and their memory.

    All are containers in front of the same site, and asked at their addresses on Docker's
    bridges: nobody's requests go through Docker's proxy for published ports.
    """
    if missing := [f"{tool} ({_TOOLS[tool]})" for tool in _TOOLS if not shutil.which(tool)]:
        print(f"No requests per second: install {', '.join(missing)}", file=sys.stderr)
        return []
    host, marker = f"{name}.localhost", f"marker-of-{name}"
    site = _ip(containers.one(checkout.docker, checkout.label, name)), 80
    gateway = [containers.one(checkout.docker, checkout.label, each) for each in _GATEWAY]
    secure, plain = f"https://{host}/", f"http://{host}/"
    with _caddy(checkout, host) as caddy, _nginx(checkout, host) as nginx:
        checkout.serves(checkout.url(name), marker)
        servers = {
            "gateway": (_ip(gateway[0]), checkout.https),
            "Caddy": (_ip(caddy), 443),
            "nginx": (_ip(nginx), 443),
        }
        asked: dict[str, Callable[[], Rate]] = {
            "site": lambda: _rate(plain, site, "--h1"),
            **{who: partial(_rate, secure, at, "--h1") for who, at in servers.items()},
            **{f"{who}, HTTP/2": partial(_rate, secure, at) for who, at in servers.items()},
        }
        rounds = [{who: ask() for who, ask in asked.items()} for _ in range(_ROUNDS)]
        memory = [
            (f"{who}: memory, MiB", f"{sum(_mib(each) for each in of_it):.0f}")
            for who, of_it in (("gateway", gateway), ("Caddy", [caddy]), ("nginx", [nginx]))
        ]
    return [*_figures(rounds), *_ratios(rounds), *memory]


def _figures(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    for who in rounds[0]:
        per_second = statistics.median(each[who].per_second for each in rounds)
        p99 = statistics.median(each[who].p99 for each in rounds)
        yield f"{who}: requests per second, p99", f"{per_second:,.0f}, {p99:.1f} ms"


def _ratios(rounds: list[dict[str, Rate]]) -> Iterator[tuple[str, str]]:
    """The middle one of the ratios that each round gives."""
    for one, other in (
        ("gateway", "site"),
        *((f"gateway{http}", f"{other}{http}") for other in _OTHERS for http in ("", ", HTTP/2")),
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


def _caddy(checkout: Checkout, host: str) -> AbstractContextManager[Container]:
    """A plain Caddy of the gateway's own version."""
    command = ["caddy", "run", "--config", f"{_AT}/config", "--adapter", "caddyfile"]
    return _server(checkout, checkout.image("gateway"), command, _said(_CADDY, host), host)


def _nginx(checkout: Checkout, host: str) -> AbstractContextManager[Container]:
    """Debian's nginx."""
    dockerfile = _NGINX_DOCKERFILE.format(debian=debian("trixie"))
    checkout.docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=_NGINX_IMAGE)
    command = ["nginx", "-c", f"{_AT}/config"]
    return _server(checkout, _NGINX_IMAGE, command, _said(_NGINX, host), host)


def _said(config: str, host: str) -> str:
    """The site is asked by the name that the router asks it by."""
    return config.format(host=host, site=f"site-{host.partition('.')[0]}:80", at=_AT)


@contextmanager
def _server(
    checkout: Checkout, image: str, command: list[str], config: str, host: str
) -> Iterator[Container]:
    """A server in front of the site, in the network where the router is, while the block lasts."""
    container = checkout.docker.containers.create(
        image,
        entrypoint=command[:1],
        command=command[1:],
        network=_network(checkout),
        labels={containers.STACK: checkout.label},
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
    )
    try:
        with tempfile.TemporaryDirectory() as top:
            folder = Path(top, _AT.strip("/"))
            folder.mkdir()
            _certify(folder, host)
            (folder / "config").write_text(config)
            container.put_archive("/", _archive(Path(top)))
            container.start()
            container.reload()
            ca, at = folder / "certificate.pem", (_ip(container), 443)
            url, marker = f"https://{host}/", f"marker-of-{host.partition('.')[0]}"
            wait_until(
                lambda: serves(url, marker, address=at, ca=ca), f"{image} serves", seconds=10
            )
        yield container
    finally:
        container.remove(force=True, v=True)


def _certify(folder: Path, host: str) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-subj", f"/CN={host}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),  # as Caddy's are
            *("-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )


def _archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder), recursive=False)
    return buffer.getvalue()


def _network(checkout: Checkout) -> str:
    """The network in which the site is."""
    site = containers.one(checkout.docker, checkout.label, "router")
    networks = site.attrs["NetworkSettings"]["Networks"]
    return str(next(name for name in networks if name.startswith("web-")))


def _mib(container: Container) -> float:
    """What its processes hold of memory."""
    shown = container.top(ps_args="-o pid,rss")
    at = shown["Titles"].index("RSS")
    return sum(int(process[at]) for process in shown["Processes"]) / 1024


def _ip(container: Container) -> str:
    """Its address on any of its networks; this machine stands in all of them."""
    networks = container.attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
