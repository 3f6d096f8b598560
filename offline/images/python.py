"""Python's own image, for the services that stand on it."""

from offline.images.debian import debian
from offline.images.image import fail, once, run

# The release of Debian that has this minor version.
RELEASE, MINOR = "trixie", "3.13"


def ours(reference: str, python: str) -> None:
    """Build an image of ours (`homeport/publisher:…`), and what it stands on, where that is
    missing.
    """
    slim(python)
    name, _, _ = reference.rpartition(":")
    run(f"images/{name.rpartition('/')[2]}/build", reference)


def slim(version: str) -> str:
    """Return the name of the image of this version, built where it's missing.

    The stand-in has the patch version of Debian's packages. Debian keeps pip out of its own
    Python by a file; the official image hasn't that file.
    """
    reference = f"python:{version}-slim-{RELEASE}"
    return once(reference, lambda: _build(reference, version))


def _build(reference: str, version: str) -> None:
    """Build the stand-in, in the patch version that Debian has."""
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
