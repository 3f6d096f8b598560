"""The Docker registry on a small base, with what a container can notice of the official image."""

from offline.images.image import busybox, from_go

MODULE = "github.com/distribution/distribution/v3"

CONFIG = b"""version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
"""

# A configuration file alone is served, as in the official image.
ENTRYPOINT = b"""#!/bin/sh
[ ! -f "$1" ] || set -- serve "$@"
exec registry "$@"
"""


def build(reference: str, version: str) -> None:
    """Build the image and give it to the Docker daemon."""
    image = busybox()
    says_version = f"-X {MODULE}/version.version={version}"
    image.file(
        "/bin/registry", from_go(f"{MODULE}/cmd/registry", f"v{version}", says_version), 0o755
    )
    image.file("/etc/distribution/config.yml", CONFIG)
    image.file("/entrypoint.sh", ENTRYPOINT, 0o755)
    image.folder("/var/lib/registry")
    image.import_as(
        reference,
        [
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            # Else it looks for a collector of traces on its own port 4318, and logs that it isn't.
            "ENV OTEL_TRACES_EXPORTER=none",
            "EXPOSE 5000",
            "VOLUME /var/lib/registry",
            'ENTRYPOINT ["/entrypoint.sh"]',
            'CMD ["/etc/distribution/config.yml"]',
            f"LABEL org.opencontainers.image.version=v{version}",
            'LABEL org.opencontainers.image.description="A stand-in for the official registry'
            ' image, built by homeport from package registries"',
        ],
    )
