"""What a publisher meets: its folders, a git server, and remotes that misbehave."""

import base64
import gzip
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from publisher.git import Git
from publisher.paths import Paths
from publisher.processes import Processes
from publisher.publish import Status, publish
from publisher.sources import Limits, Site, parse

ASKPASS = Path(__file__).parents[4] / "images/publisher/askpass"
LIMITS = {"seconds": 60, "mib": 8, "files": 1000}

Json = dict[str, Any]


def entry(**fields: object) -> Json:
    """A site as sources.json has it."""
    return {
        "url": "https://git.example/owner/pages",
        "fetch": "https://git.example/owner/pages",
        "ref": {"branch": "main"},
        "directory": "",
        "as": "",
        "every": 900,
        "webhooks": [],
    } | {name.rstrip("_"): value for name, value in fields.items()}


class Box:
    """The folders that a publisher's container has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc, self.mirror = root / "etc/publisher", root / "mirror"
        self.etc.mkdir(parents=True)
        self.mirror.mkdir()
        (root / "state").mkdir()
        self.paths = Paths(
            configured=self.etc / "current",
            mirrors=self.mirror / "current",
            state=root / "state",
            askpass=ASKPASS,
        )
        self._releases = 0
        self.processes = Processes()

    def switch(self, top: Path, files: Mapping[str, str]) -> None:
        """Write a new release of generated files, as VolumeFiles does."""
        self._releases += 1
        release = top / "releases" / str(self._releases)
        release.mkdir(parents=True)
        for name, text in files.items():
            file = release / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o400)
        new = top / "new"
        new.symlink_to(f"releases/{self._releases}")
        new.replace(top / "current")

    def configure(
        self, sites: Mapping[str, Json], files: Mapping[str, str] | None = None, **limits: int
    ) -> None:
        """Write sources.json, and secrets beside it."""
        document = {"limits": LIMITS | limits, "sites": sites}
        self.switch(self.etc, {"sources.json": json.dumps(document)} | dict(files or {}))

    def git(self, name: str = "blog", silence: int = 20, **fields: Any) -> Git:
        """A run of one site; limits are among the fields."""
        limits = LIMITS | {key: fields.pop(key) for key in LIMITS if key in fields}
        document = {"limits": LIMITS, "sites": {name: entry(**fields)}}
        site: Site = parse(json.dumps(document)).sites[0]
        return Git(
            self.processes,
            self.paths,
            site,
            Limits(**limits),
            self.paths.repository(name),
            silence=silence,
        )

    def publish(self, name: str = "blog", **fields: Any) -> Status:
        return publish(self.git(name, **fields))

    def served(self, name: str = "blog") -> dict[str, str]:
        """What visitors of a site see: text by path, a link as its target."""
        current = self.paths.site(name) / "current"
        return {
            path.relative_to(current).as_posix(): (
                f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
            )
            for path in sorted(current.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def releases(self, name: str = "blog") -> list[str]:
        return sorted(path.name for path in (self.paths.site(name) / "releases").iterdir())


class Remote:
    """A repository that somebody else pushes to."""

    def __init__(self, folder: Path, url: str, object_format: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir(parents=True)
        new = ("--quiet", "--template=", "--initial-branch=main")
        self.git("init", *new, f"--object-format={object_format}")
        (folder / ".git/info").mkdir()
        self.git("config", "http.receivepack", "false")

    def git(self, *argv: str, given: bytes = b"") -> str:
        person = {
            f"GIT_{who}_{what}": "someone@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", "-c", "maintenance.auto=false", *argv],
            cwd=self.folder,
            env=os.environ | person | {"GIT_CONFIG_GLOBAL": "/dev/null"},
            input=given,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def push(self, files: Mapping[str, str], branch: str = "main", *, force: bool = False) -> str:
        """Replace a branch's files. The answer is the commit."""
        if branch != self.git("symbolic-ref", "--short", "HEAD"):
            self.git("checkout", "--quiet", "-B", branch)
        for path in self.folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                file.symlink_to(text.removeprefix("-> "))
            else:
                file.write_text(text)
        self.git("add", "--all", "--force")
        return self.commit(force=force)

    def commit(self, *, force: bool = False) -> str:
        amend = ["--amend"] if force else []
        self.git("commit", "--quiet", "--allow-empty", "-m", "change", *amend)
        return self.git("rev-parse", "HEAD")


class Server:
    """Git over http on loopback, as git's own http-backend answers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.token: str | None = None
        """The password that it asks for."""
        self.redirect: str | None = None
        """Another server, to which it sends everybody."""
        self.stall: threading.Event | None = None
        """Set once half a fetch's answer is sent; the rest never follows."""
        self.requests: list[str] = []
        """The paths that were asked for."""
        self.authorizations: list[str | None] = []
        self._ended = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()

    def repository(self, name: str, object_format: str = "sha1") -> Remote:
        return Remote(self.root / name, f"{self.url}/{name}", object_format)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(request.path)
        self.authorizations.append(request.headers["Authorization"])
        body = request.rfile.read(int(request.headers["Content-Length"] or 0))
        if request.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if self.redirect:
            self._send(request, 302, {"Location": self.redirect + request.path}, b"")
            return
        if self.token and not self._allowed(request.headers["Authorization"]):
            self._send(request, 401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        path, _, query = request.path.partition("?")
        name, _, rest = path.removeprefix("/").partition("/info/")
        if not rest:
            name, _, rest = path.removeprefix("/").rpartition("/")
            service = rest
        else:
            service = f"info/{rest}"
        if not (self.root / name / ".git").is_dir():
            self._send(request, 404, {}, b"not found")
            return
        done = subprocess.run(
            ["git", "http-backend"],
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": request.headers["Git-Protocol"] or "",
                "PATH_INFO": f"/{name}/.git/{service}",
                "QUERY_STRING": query,
                "REQUEST_METHOD": request.command,
                "CONTENT_TYPE": request.headers["Content-Type"] or "",
                "REMOTE_ADDR": "127.0.0.1",
            },
            input=body,
            capture_output=True,
            check=True,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        if self.stall and b"command=fetch" in body:
            headers["Content-Length"] = str(len(content))
            self._send(request, 200, headers, content[: len(content) // 2])
            self.stall.set()
            self._ended.wait()
            return
        self._send(request, int(headers.pop("Status", "200").split()[0]), headers, content)

    def _allowed(self, authorization: str | None) -> bool:
        return bool(
            authorization
            and base64.b64decode(authorization.removeprefix("Basic ")).decode()
            == f"token:{self.token}"
        )

    @staticmethod
    def _send(
        request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """A remote that accepts and says nothing; the event is set once somebody connected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = threading.Event()
        accepted = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept())
                except OSError:
                    return
                connected.set()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/owner/pages", connected
        listener.shutdown(socket.SHUT_RDWR)
        for connection, _ in accepted:
            connection.close()
