"""A stack with registries, three users, and a machine with clients of theirs."""

from __future__ import annotations

import base64
import io
import os
import socket
import ssl
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
from docker.models.containers import Container

from tests.e2e.checkout import Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.clients import Clients
from tests.e2e.support.passwords import hashed

WRITER, READER, LEAVER = "alice", "rita", "ulf"
PACKAGES, IMAGES = "pypi", "registry"
_HTTP, _HTTPS = 8080, 8443  # those of the local stack, as documents name them

# As a person types it: `make [--silent] TARGET [KEY=value]…`, on the stack under test.
_MAKE = """\
#!/bin/sh
[ "$1" != --silent ] || shift
target=$1; shift
for word; do
    key=$(printf %s "${{word%%=*}}" | tr A-Z a-z)
    set -- "$@" "--$key=${{word#*=}}"; shift
done
cd {folder} && exec env {environment} {python} -m commands "$target" --stack {stack} "$@"
"""
_SUDO = '#!/bin/sh\nexec "$@"\n'


def at_an_address_of_its_own(place: Place) -> Place:
    """The place, with the ports of the local stack free there."""
    if place.name == "ssh":
        return place
    number = os.getpid()
    return replace(place, address=f"127.7.{number >> 8 & 255}.{number & 255}")


def wheel(name: str, *, mib: int = 0) -> tuple[str, bytes]:
    """A package of this size: name and content of its file."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": b"marker = 1\n",
        f"{name}.bin": os.urandom(mib * 2**20),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{name}-1.0-py3-none-any.whl", buffer.getvalue()


class Registries:
    """The stack, its users and their machine, for as long as the block lasts."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self.checkout = checkout
        checkout.http, checkout.https = _HTTP, _HTTPS
        checkout.extra["registry"] = {"upload_mib": 8}
        checkout.configure()
        self.passwords = {
            WRITER: 'it\'s "a:b" $HOME %41 @/\\',
            READER: "rita-pw",
            LEAVER: "pä:ss \"wörd'\\ ☂",
        }
        self.clients = Clients(folder, self._hosts())
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open:
            checkout = self.checkout
            checkout.set_secrets(
                {f"users.{name}.hash": hashed(text) for name, text in self.passwords.items()}
            )
            for name, text in (("make", self._make()), ("sudo", _SUDO)):
                (self.clients.bin / name).write_text(text)
                (self.clients.bin / name).chmod(0o755)
            # curl takes `*.localhost` for 127.0.0.1, whatever /etc/hosts says.
            at = f"{checkout.place.address}:{checkout.https}"
            (self.clients.home / ".curlrc").write_text(f'connect-to = "::{at}"\n')
            self._open.enter_context(self.clients)
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _make(self) -> str:
        checkout = self.checkout
        kept = ("PULUMI_", "PATH", "YES")
        environment = [f"{k}={v}" for k, v in checkout.environment.items() if k.startswith(kept)]
        return _MAKE.format(
            folder=checkout.folder,
            environment=" ".join(environment),
            python=checkout.folder / ".venv/bin/python",
            stack=checkout.stack,
        )

    def _hosts(self) -> dict[str, str]:
        address = self.checkout.place.address
        return {f"{name}.localhost": address for name in (PACKAGES, IMAGES)}

    def follow(self) -> None:
        """Have the clients find the stack at another place."""
        self.clients.resolve(self._hosts())

    def bring_up(self) -> None:
        """What the page's own commands do, without them."""
        checkout = self.checkout
        right = f"homeport:users.{WRITER}.registry"
        checkout.pulumi("config", "set", "--path", right, "write")
        checkout.up()
        self.clients.trust(self.name, checkout.ca)

    def let_write(self) -> None:
        """Let the writer write, in a stack that isn't up."""
        users = self.checkout.extra["users"]
        assert isinstance(users, dict)
        users[WRITER]["registry"] = "write"
        self.checkout.configure()

    # --- What its users do.

    @property
    def name(self) -> str:
        """What images' names begin with."""
        return f"{IMAGES}.localhost:{self.checkout.https}"

    @property
    def index(self) -> str:
        """The URL of the package index."""
        return self.checkout.url(PACKAGES)

    def authorization(self, user: str, password: str | None = None) -> str:
        """The header of that name, as browsers send it."""
        pair = f"{user}:{self.passwords[user] if password is None else password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def ask(
        self, method: str, service: str, path: str, user: str | None = None, **request: Any
    ) -> httpx.Response:
        """Ask a registry, as a user or as nobody."""
        checkout, host = self.checkout, f"{service}.localhost"
        headers: dict[str, str] = request.pop("headers", {})
        if user:
            headers["Authorization"] = self.authorization(user)
        with httpx.Client(
            verify=ssl.create_default_context(cafile=checkout.ca), timeout=60, trust_env=False
        ) as client:
            return client.request(
                method,
                f"https://{checkout.place.address}:{checkout.https}{path}",
                headers={"Host": f"{host}:{checkout.https}", **headers},
                extensions={"sni_hostname": host},
                **request,
            )

    def connected(self, service: str, request: str) -> ssl.SSLSocket:
        """A connection on which this was sent, for somebody slow."""
        checkout, host = self.checkout, f"{service}.localhost"
        line, _, rest = request.partition("\r\n")
        there = socket.create_connection((checkout.place.address, checkout.https), timeout=30)
        context = ssl.create_default_context(cafile=checkout.ca)
        connection = context.wrap_socket(there, server_hostname=host)
        connection.sendall(f"{line}\r\nHost: {host}:{checkout.https}\r\n{rest}".encode())
        return connection

    def upload(self, user: str | None, file: tuple[str, bytes]) -> httpx.Response:
        """Upload a package, and be told apart from twine, which is answered otherwise."""
        form = {":action": "file_upload"}
        return self.ask("POST", PACKAGES, "/", user, data=form, files={"content": file})

    def twine(self, user: str, file: tuple[str, bytes]) -> str:
        """What twine says of an upload."""
        (self.clients.home / file[0]).write_bytes(file[1])
        return self.clients.run(
            *("twine", "upload", "--non-interactive", "--verbose", "--disable-progress-bar"),
            *("--cert", str(self.checkout.ca), "--repository-url", self.index, file[0]),
            TWINE_USERNAME=user,
            TWINE_PASSWORD=self.passwords[user],
        ).stdout

    def log_in(self, user: str) -> str:
        """What Docker says of a log-in."""
        argv = ("docker", "login", self.name, "--username", user, "--password-stdin")
        return self.clients.run(*argv, given=self.passwords[user]).stdout

    def build(self, name: str, *, layers: int = 1, mib: int = 1) -> str:
        """An image on the clients' machine, of so many layers of random data: its name."""
        folder = self.clients.folder / "build" / name.replace("/", "-").replace(":", "-")
        folder.mkdir(parents=True)
        for number in range(layers):
            (folder / f"layer{number}").write_bytes(os.urandom(mib * 2**20))
        copies = (f"COPY layer{number} /" for number in range(layers))
        (folder / "Dockerfile").write_text("\n".join(["FROM scratch", *copies]))
        self.clients.docker.images.build(path=str(folder), tag=name)
        return name

    def push(self, name: str) -> str:
        """Push an image: its digest in the registry."""
        said = self.clients.ok("docker", "push", name)
        return said[said.index("sha256:") :].split()[0]

    def pull(self, name: str) -> str:
        """Pull an image that isn't on the machine any more: its digest."""
        self.clients.run("docker", "rmi", "--force", name)
        said = self.clients.ok("docker", "pull", name)
        assert "Downloaded newer image" in said
        return said[said.index("sha256:") :].split()[0]

    # --- What the host has.

    def container(self, component: str) -> Container:
        """The container of a component."""
        return containers.one(self.checkout.docker, self.checkout.label, component)

    def stored(self, component: str, pattern: str = "*") -> set[str]:
        """Paths of the files that a registry holds."""
        script = f"find /state -type f -path '{pattern}'"
        return set(containers.run_in(self.container(component), script).splitlines())

    def served(self) -> int:
        """How many connections the package index has, one of its health check's among them."""
        script = "grep -c ':1F90 [0-9A-F:]* 01 ' /proc/net/tcp || true"  # established, port 8080
        return int(containers.run_in(self.container(PACKAGES), script))

    def started(self) -> dict[str, str]:
        """When each container of the stack was started, by its id."""
        found = containers.all_of(self.checkout.docker, self.checkout.label)
        return {each.id or "": each.attrs["State"]["StartedAt"] for each in found}
