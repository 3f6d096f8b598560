"""The image of PHP sites: `images/php` builds it here as everywhere, on stand-ins."""

from offline.images import caddy as caddy_image
from offline.images.debian import debian
from offline.images.image import fail, once, run

# By the minor version: the release of Debian that has it.
RELEASES = {"8.2": "bookworm", "8.4": "trixie"}

# What the official image has built in. Debian splits it into packages, with extensions in them
# that the official image hasn't: a site that needs one shall fail here too.
PACKAGES = ("fpm", "opcache", "curl", "mbstring", "sqlite3", "xml")
NOT_OFFICIAL = (
    "calendar",
    "exif",
    "ffi",
    "ftp",
    "gettext",
    "shmop",
    "sockets",
    "sysvmsg",
    "sysvsem",
    "sysvshm",
    "xsl",
)


def build(reference: str, php: str, caddy: str) -> None:
    """Build the image and what it stands on, where that is missing."""
    below, official = f"caddy:{caddy}", f"php:{php}-fpm-alpine"
    once(below, lambda: caddy_image.build(below, caddy))
    once(official, lambda: _official(official, php))
    run("images/php/build", reference)


def _official(reference: str, version: str) -> None:
    """Build the stand-in for the official image, in the patch version that Debian has.

    It has busybox's `wget` from the official one's Alpine as Debian's own.
    """
    minor = version.rpartition(".")[0]
    if minor not in RELEASES:
        fail(f"Debian's packages have PHP {' and '.join(RELEASES)}, so no {version}.")
    packages = " ".join(f"php{minor}-{name}" for name in PACKAGES)
    dockerfile = f"""
FROM {debian(RELEASES[minor])}
RUN apt-get update && apt-get upgrade --yes \\
    && apt-get install --yes {packages} systemd-standalone-tmpfiles wget \\
    && phpdismod {" ".join(NOT_OFFICIAL)} \\
    && ln -s /usr/sbin/php-fpm{minor} /usr/local/sbin/php-fpm \\
    && rm -rf /var/lib/apt/lists/*
WORKDIR /var/www/html
STOPSIGNAL SIGQUIT
CMD ["php-fpm"]
LABEL org.opencontainers.image.description="A stand-in for the official PHP image, \\
built by homeport from package registries"
"""
    run("docker", "build", "--tag", reference, "-", stdin=dockerfile.encode())
