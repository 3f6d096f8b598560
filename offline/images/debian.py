"""Debian itself: what images stand on whose services come from Debian's packages."""

import os
import shlex
import sys
import tempfile
from pathlib import Path

from offline.images.image import debian_package, fail, once, run

# What the official `debian:…-slim` leaves out of every package.
LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)

APT = """APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


def debian(release: str) -> str:
    """Return the name of the image of this release, such as `trixie`, built where it's missing.

    What is built on it begins with `apt-get update` and `apt-get upgrade`, so that an old one
    doesn't matter.
    """
    reference = f"homeport/debian:{release}"
    return once(reference, lambda: _build(reference, release))


def _build(reference: str, release: str) -> None:
    if os.geteuid() != 0:
        again = shlex.join(["sudo", "offline/images/build", *sys.argv[1:]])
        fail(f"root alone can build {reference}, which others stand on; type: {again}")
    with (
        tempfile.TemporaryDirectory() as folder,
        debian_package("mmdebstrap") as mmdebstrap,
        debian_package("debian-archive-keyring") as keyring,
    ):
        layer = Path(folder) / "layer.tar"
        run(
            f"{mmdebstrap}/usr/bin/mmdebstrap",
            "--variant=minbase",
            "--include=ca-certificates",
            f"--keyring={keyring}/usr/share/keyrings/debian-archive-keyring.gpg",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt={line}" for line in LEFT_OUT),
            # Whom this machine trusts, for a network whose way out has a certificate of its own.
            "--customize-hook=copy-in /usr/local/share/ca-certificates /usr/local/share",
            '--customize-hook=chroot "$1" update-ca-certificates',
            # As in the official image, packages and apt's caches don't stay in what is built on
            # it. Set any earlier, it would take the packages away from this build itself.
            f'--customize-hook=echo {shlex.quote(APT)} >"$1/etc/apt/apt.conf.d/docker-clean"',
            '--customize-hook=rm "$1"/var/cache/apt/*.bin',
            # This machine's, which Docker replaces anyway.
            '--customize-hook=rm "$1/etc/hostname" "$1/etc/resolv.conf"',
            release,
            str(layer),
            # It looks for its own helper there.
            env={**os.environ, "PATH": f"{mmdebstrap}/usr/bin:{os.environ['PATH']}"},
        )
        run("docker", "import", "--change", 'CMD ["bash"]', str(layer), reference)
