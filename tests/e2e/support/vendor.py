"""Pulumi's download servers, played on this machine: `python -m tests.e2e.support.vendor …`.

What they publish was read in the projects' own sources: the installer's options, its address and
the layout of the archive in github.com/pulumi/get.pulumi.com (dist/install.sh); where plugins come
from, and what their archives are called, in github.com/pulumi/pulumi (sdk/go/common/workspace/
plugins.go, version 3.255): a release of github.com/pulumi/pulumi-NAME, else get.pulumi.com.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .second_host import ends_with_us

_ROOT = Path(__file__).parents[3]
HOSTS = ("get.pulumi.com", "api.github.com", "github.com")
SDK = "/releases/sdk/pulumi-v{version}-linux-x64.tar.gz"
PLUGIN = "/releases/plugins/pulumi-resource-{name}-v{version}-linux-amd64.tar.gz"

# It takes the real one's options, and installs where and what the real one does.
_INSTALLER = """\
#!/bin/sh
set -e
root=$HOME/.pulumi
while [ $# -gt 0 ]; do
    case $1 in
    --version) version=$2; shift ;;
    --install-root) root=$2; shift ;;
    --no-edit-path | --silent) ;;
    *) echo "error: unknown option $1" >&2; exit 1 ;;
    esac
    shift
done
folder=$(mktemp -d)
curl --fail --silent -L -o "$folder/pulumi.tar.gz" \\
    "https://get.pulumi.com/releases/sdk/pulumi-v${version}-linux-x64.tar.gz"
tar zxf "$folder/pulumi.tar.gz" -C "$folder"
mkdir -p "$root/bin"
cp -r "$folder/pulumi/." "$root/bin/"
"""

# No network but loopback, where the vendor's names lead. The server has a certificate that the
# programs here are told to believe.
_INSIDE = """\
ip link set lo up
mount --bind {folder}/hosts /etc/hosts
PYTHONPATH={root} {python} -m tests.e2e.support.vendor {folder} {fault} &
for _ in $(seq 100); do [ ! -e {folder}/listens ] || break; sleep 0.1; done
exec "$@"
"""


class Vendor:
    """What the vendor has to give: the engine and the plugins of a checkout's `.engine`."""

    def __init__(self, folder: Path, engine: Path) -> None:
        """`folder` is an empty one of the test's own."""
        self._folder = folder
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        subject = ["-subj", "/CN=vendor", "-addext", f"subjectAltName={names}"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/ca.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True
        )
        (folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(HOSTS)}\n")
        (folder / "install.sh").write_text(_INSTALLER)
        said = subprocess.run([engine / "bin/pulumi", "version"], check=True, capture_output=True)
        sdk = SDK.format(version=said.stdout.decode().strip().removeprefix("v"))
        self._pack(sdk, {f"pulumi/{file.name}": file for file in (engine / "bin").iterdir()})
        for plugin in (engine / "plugins").glob("resource-*"):
            name, _, version = plugin.name.removeprefix("resource-").rpartition("-v")
            binary = f"pulumi-resource-{name}"
            self._pack(PLUGIN.format(name=name, version=version), {binary: plugin / binary})

    def reached(self, fault: str = "") -> list[str]:
        """The beginning of a command line whose network has the vendor in it and nothing else."""
        for file in ("listens", "asked"):
            (self._folder / file).unlink(missing_ok=True)
        script = _INSIDE.format(folder=self._folder, python=sys.executable, root=_ROOT, fault=fault)
        trust = [f"{name}={self._folder}/ca.pem" for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE")]
        alone = ends_with_us("--net", "--mount")
        return [*alone, "env", *trust, "bash", "-euc", script, "bash"]

    def asked(self) -> list[str]:
        """The addresses that were asked."""
        file = self._folder / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def _pack(self, path: str, members: dict[str, Path]) -> None:
        archive = self._folder / path.removeprefix("/")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
            for name, file in members.items():
                tar.add(file, name)


class _Served(BaseHTTPRequestHandler):
    folder: Path
    fault: str

    def do_GET(self) -> None:
        host = self.headers["Host"]
        with (self.folder / "asked").open("a") as asked:
            asked.write(f"https://{host}{self.path}\n")
        if host == "get.pulumi.com":
            self._file(self.folder / self.path.removeprefix("/"))
        elif self.fault == "limits":
            self._answer(429, b"", ("Retry-After", "1"))
        elif host == "api.github.com":
            self._release(*self.path.split("/")[3:])
        else:
            self._file(self.folder / "releases/plugins" / self.path.rpartition("/")[2])

    def _release(self, repository: str, *tag: str) -> None:
        """The release of a plugin, with where its archive is, as GitHub's API tells it."""
        name, version = repository.removeprefix("pulumi-"), tag[-1].removeprefix("v")
        archive = PLUGIN.format(name=name, version=version).rpartition("/")[2]
        at = f"https://github.com/pulumi/{repository}/releases/download/{tag[-1]}/{archive}"
        self._answer(200, json.dumps({"assets": [{"name": archive, "url": at}]}).encode())

    def _file(self, file: Path) -> None:
        if not file.is_file():
            self._answer(404, b"")
            return
        content = file.read_bytes()
        is_archive = file.suffix == ".gz"
        if is_archive and self.fault == "spoils":
            content = content[: len(content) // 2] + bytes(len(content) // 2)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        # One that breaks off ends in the middle of what it has promised.
        breaks_off = is_archive and self.fault == "breaks_off"
        self.wfile.write(content[: len(content) // 2] if breaks_off else content)

    def _answer(self, status: int, content: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: a test reads what was asked in a file."""


def _serve(folder: Path, fault: str) -> None:
    _Served.folder, _Served.fault = folder, fault
    server = ThreadingHTTPServer(("127.0.0.1", 443), _Served)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    (folder / "listens").touch()
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), *sys.argv[2:] or [""])
