"""What a publisher meets: its folders, a git server, and remotes that misbehave."""

import base64
import functools
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
from tempfile import TemporaryDirectory
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


_CONFIG = """\
[core]
\trepositoryformatversion = 1
\tbare = false
\tlogAllRefUpdates = false
\tfsync = none
[extensions]
\tobjectFormat = {object_format}
[maintenance]
\tauto = false
[user]
\tname = someone
\temail = someone@example.org
"""


class Remote:
    """A repository that somebody else pushes to."""

    def __init__(self, folder: Path, url: str, object_format: str) -> None:
        self.folder, self.url = folder, url
        # What `git init` makes, without its process.
        for needed in ("info", "objects", "refs/heads"):
            (folder / ".git" / needed).mkdir(parents=True)
        (folder / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (folder / ".git/config").write_text(_CONFIG.format(object_format=object_format))

    def git(self, *argv: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *argv],
            cwd=self.folder,
            env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull},
            input=given,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def push(self, files: Mapping[str, str], branch: str = "main", *, force: bool = False) -> str:
        """Replace a branch's files. The answer is the commit."""
        if branch != self._head.name:
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
        return self.head

    @property
    def head(self) -> str:
        """The commit of the branch that is checked out."""
        return self._head.read_text().strip()

    @property
    def _head(self) -> Path:
        """The file of that branch."""
        git = self.folder / ".git"
        return git / (git / "HEAD").read_text().removeprefix("ref: ").strip()


def _answer_of_git(repository: Path, *options: str, given: bytes = b"") -> bytes:
    """What git's own server answers to one request. A web server runs it in the same way."""
    done = subprocess.run(
        ["git", "upload-pack", "--stateless-rpc", *options, repository],
        env={"PATH": os.environ["PATH"], "GIT_PROTOCOL": "version=2"},
        input=given,
        capture_output=True,
        check=True,
    )
    return done.stdout


@functools.cache
def _greeting(object_format: str) -> bytes:
    """What git's server says before anybody asks for refs or files. By the protocol's second
    version it is the same for all repositories of one format, so that one process says it for all.
    """
    with TemporaryDirectory() as folder:
        of_any = Remote(Path(folder, "any"), "", object_format)
        return _answer_of_git(of_any.folder, "--http-backend-info-refs")


class Server:
    """Git over http on loopback, as git's own server answers."""

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
        self._formats: dict[str, str] = {}
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
        self._formats[name] = object_format
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
        name, _, asked = request.path.removeprefix("/").rpartition("/")
        greets = asked == "refs?service=git-upload-pack"
        name = name.removesuffix("/info") if greets else name
        repository = self.root / name
        if not (repository / ".git").is_dir() or not (greets or asked == "git-upload-pack"):
            self._send(request, 404, {}, b"not found")
            return
        assert request.headers["Git-Protocol"] == "version=2"
        kind = "advertisement" if greets else "result"
        headers = {
            "Content-Type": f"application/x-git-upload-pack-{kind}",
            "Cache-Control": "no-cache, max-age=0, must-revalidate",
        }
        if greets:
            self._send(request, 200, headers, _greeting(self._formats[name]))
            return
        content = _answer_of_git(repository, given=body)
        if self.stall and b"command=fetch" in body:
            headers["Content-Length"] = str(len(content))
            self._send(request, 200, headers, content[: len(content) // 2])
            self.stall.set()
            self._ended.wait()
            return
        self._send(request, 200, headers, content)

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
