"""The servers that the gateway is compared with: containers that do its job for one site."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from docker.models.containers import Container
from docker.types import LogConfig

from offline.images.debian import debian
from tests.e2e.checkout import Checkout
from tests.e2e.support import containers
from tests.e2e.support.client import serves
from tests.e2e.support.waiting import wait_until

_AT = "/bench"
"""Where the servers that the gateway is compared with have their files."""

# The gateway's job, done by one server alone: TLS, access logs, compression, figures by host, the
# same headers, and kept connections to the site.
CADDY = """\
{{
    admin off
    auto_https disable_redirects
    metrics {{
        per_host
    }}
}}
https://{host} {{
    tls {at}/certificate.pem {at}/key.pem
    log
    encode zstd gzip
    header ?X-Content-Type-Options nosniff
    header ?Referrer-Policy strict-origin-when-cross-origin
    reverse_proxy {site}
}}
"""
# The same for a site that it serves from files itself, and with its log in a file as well.
CADDY_OF_FILES = CADDY.replace("reverse_proxy {site}", "root * {at}/pages\n    file_server")
CADDY_LOGGING = CADDY_OF_FILES.replace("log\n", "log {{\n output file /tmp/access.log\n }}\n")
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


def caddy(checkout: Checkout, host: str, config: str = CADDY) -> AbstractContextManager[Container]:
    """A plain Caddy of the gateway's own version, in front of the site, or with its files."""
    command = ["caddy", "run", "--config", f"{_AT}/config", "--adapter", "caddyfile"]
    return _server(checkout, checkout.image("gateway"), command, _said(config, host), host)


def nginx(checkout: Checkout, host: str) -> AbstractContextManager[Container]:
    """Debian's nginx."""
    dockerfile = _NGINX_DOCKERFILE.format(debian=debian("trixie"))
    checkout.docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=_NGINX_IMAGE, rm=True)
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
            shutil.copytree(checkout.folder / "sites" / host.partition(".")[0], folder / "pages")
            container.put_archive("/", _archive(Path(top)))
            container.start()
            container.reload()
            ca, at = folder / "certificate.pem", (ip(container), 443)
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


def ip(container: Container) -> str:
    """Its address on any of its networks; this machine stands in all of them."""
    networks = container.attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
