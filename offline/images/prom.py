"""What the images of the Prometheus project have in common."""

from collections.abc import Sequence

from offline.images.image import Image


def says_version(version: str) -> str:
    """Return what makes a program tell its version, as Go's linker wants it."""
    return f"-X github.com/prometheus/common/version.Version={version}"


def import_as(image: Image, reference: str, version: str, settings: Sequence[str]) -> None:
    """Hand the image to the Docker daemon, with what it has of its own."""
    image.import_as(
        reference,
        [
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            *settings,
            f"LABEL org.opencontainers.image.version=v{version}",
            'LABEL org.opencontainers.image.description="A stand-in for the official image of the'
            ' Prometheus project, built by homeport from package registries"',
        ],
    )
