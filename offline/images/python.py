"""Python services of our own: `images/<name>` builds them here as everywhere, on a stand-in."""

from offline.images.debian import debian
from offline.images.image import fail, is_here, run

# The release of Debian that has this minor version.
RELEASE, MINOR = "trixie", "3.13"


def publisher(reference: str, python: str) -> None:
    """Build the publisher's image and what it stands on, where that is missing."""
    if not is_here(f"python:{python}-slim-{RELEASE}"):
        _official(f"python:{python}-slim-{RELEASE}", python)
    run("images/publisher/build", reference)


def _official(reference: str, version: str) -> None:
    """Build the stand-in for the official image, in the patch version that Debian has.

    Debian keeps pip out of its own Python by a file; the official image hasn't that file.
    """
    if version.rpartition(".")[0] != MINOR:
        fail(f"Debian's packages have Python {MINOR}, so no {version}.")
    dockerfile = f"""
FROM {debian(RELEASE)}
RUN apt-get update && apt-get upgrade --yes \\
    && apt-get install --yes netbase python3 python3-pip tzdata \\
    && rm /usr/lib/python{MINOR}/EXTERNALLY-MANAGED \\
    && ln -s /usr/bin/python3 /usr/local/bin/python \\
    && rm -rf /var/lib/apt/lists/*
ENV PYTHON_VERSION={version}
CMD ["python3"]
LABEL org.opencontainers.image.description="A stand-in for the official Python image, \\
built by homeport from package registries"
"""
    run("docker", "build", "--tag", reference, "-", stdin=dockerfile.encode())
