"""Gunicorn's settings for pypiserver, which runs this file in its container.

pypiserver stores what it has got of an upload when a connection breaks, and nobody may
overwrite that. So an upload reaches it whole or not at all, and never above the limit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

_LIMIT_MIB = int(os.environ.get("UPLOAD_MIB", "512"))
_PIECE = 2**20

# The worker's settings are those of the official image.
errorlog = "-"
preload_app = True
workers = 1
worker_class = "gevent"

App = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


def post_worker_init(worker: Any) -> None:
    """Called by Gunicorn before the first request."""
    worker.wsgi = whole_uploads(worker.wsgi)


def whole_uploads(app: App) -> App:
    """`app`, which sees no body that is too large or broken off."""

    def answer(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
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
        piece: bytes = self._stream.read(self.missing if size < 0 else size)
        self.missing -= len(piece)
        if not piece and size and self.missing > 0:
            raise OSError("the upload was broken off")
        return piece
