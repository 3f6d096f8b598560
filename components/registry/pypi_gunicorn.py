"""Gunicorn's settings for pypiserver, which runs this file in its container.

pypiserver stores what it has got of an upload when a connection breaks or the disk is full, and
nobody may overwrite that. So an upload reaches it whole or not at all, never above the limit,
and gets its name once all of it is there.

It also guesses what a file's name says, takes any that it can guess from, and compares versions as
text. Here names and versions are those that pip and PyPI know.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

_LIMIT_MIB = int(os.environ.get("UPLOAD_MIB", "512"))
_PIECE = 2**14  # bytes: each thread may hold some of them

errorlog = "-"
preload_app = True
workers = 1
# Threads, and not the event loop of the official image: reading a large form would silence the
# health check, which ends a service that is silent.
worker_class = "gthread"
# A slow client keeps one for as long as its download or upload takes, at 60 to 250 KiB.
threads = 256

_LONGEST_NAME = 251
"""Of a file's name, so that one with `.asc` behind it is a name as well."""
_NAMES = (
    "must be those of a wheel or a source distribution, such as greet-1.0-py3-none-any.whl or "
    f"greet-1.0.tar.gz, of at most {_LONGEST_NAME} characters"
)

_AT_ONCE = 64
"""Requests of one user under way: more than any client sends at once (uv: 50), and few enough that
one who is slow leaves threads for the others."""
_USER = "X-AUTHENTICATED-USER"
"""The header in which the gateway says whose password it was."""

App = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


_under_way: Counter[str] = Counter()
_lock = threading.Lock()
_this = threading.local()


def pre_request(_worker: Any, request: Any) -> None:
    """Called by Gunicorn before each request, in the thread that answers it."""
    _this.user = dict(request.headers).get(_USER, "")
    with _lock:
        _under_way[_this.user] += 1
        _this.refused = bool(_this.user) and _under_way[_this.user] > _AT_ONCE
    if _this.refused:
        request.force_close()  # else Gunicorn would read the body, which may take for ever


def post_request(_worker: Any, _request: Any, _environ: object, _answer: object) -> None:
    """Called by Gunicorn after each request, however it ended."""
    with _lock:
        _under_way[_this.user] -= 1
        if not _under_way[_this.user]:
            del _under_way[_this.user]


def post_worker_init(worker: Any) -> None:
    """Called by Gunicorn before the first request."""
    from pypiserver import _app, backend, cache  # noqa: PLC0415 - in the container alone

    backend.write_file = store_whole
    backend.Backend.find_version = find_version
    backend.guess_pkgname_and_version = or_guessed(backend.guess_pkgname_and_version)
    _app.file_upload = refusing(_app.file_upload, _app.request, _app.HTTPError)
    watch(worker.wsgi._pypiserver_config.backend.backend.cache_manager, cache.Observer())
    worker.wsgi = fair(whole_uploads(worker.wsgi))


def watch(cache: Any, observer: Any) -> None:
    """Have the cache forget what changes on the disk.

    Its own observer is a thread of Gunicorn's first process, and this one was forked without it.
    """
    observer.start()
    cache.observer = observer
    for remembered in (cache.watched, cache.listdir_cache, cache.digest_cache):
        remembered.clear()


def named(file: str) -> tuple[str, str] | None:
    """The package's name and version that a file's name says; None where it says none.

    A wheel's build tag is no part of its version, and a signature is of the package that it signs.
    """
    file = file.removesuffix(".asc")
    try:
        if file.endswith(".whl"):
            name, version, *_ = parse_wheel_filename(file)
        else:
            name, version = parse_sdist_filename(file)
        return canonicalize_name(name, validate=True), str(version)
    except ValueError:
        return None


def or_guessed(guess: Callable[[str], tuple[str, str] | None]) -> Callable[[str], object]:
    """`named`, and for what is stored under another name what pypiserver guesses."""
    return lambda path: named(Path(path).name) or guess(path)


def refusing(
    upload: Callable[[], object], request: Any, error: Callable[[int, str], Exception]
) -> Callable[[], object]:
    """`upload` of pypiserver, which gets no package that couldn't be found or deleted by its name.

    Whether the name of a signature fits, it asks itself.
    """

    def checked() -> object:
        content = request.files.get("content")
        file = content.raw_filename if content else ""
        if content and (len(file) > _LONGEST_NAME or file.endswith(".asc") or named(file) is None):
            raise error(400, f"{file[:100]}: names of files {_NAMES}")
        return upload()

    return checked


def find_version(backend: Any, name: str, version: str) -> Iterable[Any]:
    """The files of a version, by any spelling of its package's name and of itself, as pip finds
    them.

    pypiserver's own compares with the spelling in the files' names.
    """
    packages = backend.find_project_packages(name)
    return [package for package in packages if _same(package.version, version)]


def _same(version: str, other: str) -> bool:
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return version == other


def store_whole(content: IO[bytes], destination: Path) -> None:
    """Write a file that is there whole or not at all, and never in place of another one."""
    with NamedTemporaryFile() as file:  # in TMPDIR, which is on the same volume
        shutil.copyfileobj(content, file, _PIECE)
        file.flush()
        Path(file.name).chmod(0o644)
        os.link(file.name, destination)


def fair(app: App) -> App:
    """`app`, which isn't asked while a user has too much under way."""

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        if not _this.refused:
            return app(environ, start)
        # pip and uv try again, on this status alone pip does.
        start("503 Service Unavailable", [("Content-Type", "text/plain"), ("Retry-After", "2")])
        return [f"{_this.user} has {_AT_ONCE} requests under way; try again later\n".encode()]

    return answer


def whole_uploads(app: App) -> App:
    """`app`, which sees no body that is too large or broken off."""

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" in environ:  # nobody knows where it should have ended
            while environ["wsgi.input"].read(_PIECE):
                pass
            start("411 Length Required", [("Content-Type", "text/plain")])
            return [b"an upload has to say how long it is (Content-Length)\n"]
        body = _Body(environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0))
        if body.missing > _LIMIT_MIB * 2**20:
            while body.read(_PIECE):  # who isn't heard out doesn't listen to the answer
                pass
            start("413 Content Too Large", [("Content-Type", "text/plain")])
            return [f"a package may have {_LIMIT_MIB} MiB (registry.upload_mib)\n".encode()]
        return app({**environ, "wsgi.input": body}, start)

    return answer


class _Body:
    """A request's body. Its end before the announced length is an error."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self.missing = length

    def read(self, size: int = -1) -> bytes:
        wanted = self.missing if size < 0 else min(size, _PIECE)
        piece: bytes = self._stream.read(wanted)
        self.missing -= len(piece)
        if not piece and size and self.missing > 0:
            raise OSError("the upload was broken off")
        return piece
