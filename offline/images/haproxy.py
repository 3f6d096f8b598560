"""HAProxy as Debian packages it, with what a container can notice of the official Alpine image."""

from offline.images.debian import debian
from offline.images.image import fail, run

RELEASE = "trixie"
"""The release of Debian whose HAProxy is of the series 3.0, with long-term support."""


def build(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon, in the version that Debian has.

    It has busybox's `wget`, as the official one.
    """
    dockerfile = f"""
FROM {debian(RELEASE)}
RUN apt-get update && apt-get upgrade --yes \\
    && apt-get install --yes haproxy busybox-static \\
    && ln -s /bin/busybox /usr/local/bin/wget \\
    && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGUSR1
CMD ["haproxy", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
LABEL org.opencontainers.image.version={version}
LABEL org.opencontainers.image.description="A stand-in for the official HAProxy image, \\
built by homeport from package registries"
"""
    run("docker", "build", "--tag", reference, "-", stdin=dockerfile.encode())
    has = run("docker", "run", "--rm", "--network=none", reference, "haproxy", "-v")
    if f"version {version}-" not in has:
        run("docker", "rmi", reference)
        fail(f"Debian {RELEASE} has another HAProxy than {version}: {has.splitlines()[0]}")
