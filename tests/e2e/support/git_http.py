"""Repositories over HTTP, as a hosting service has them: git's own program for it, and faults.

It runs inside the container of a `GitServer`, so it needs nothing but Python and git. A file
in a repository's folder makes that repository answer otherwise:

- `e2e-token`: only who gives its text as the password is let in;
- `e2e-silent`: the request is taken, and nothing is answered;
- `e2e-held`: while it is there, the answer to a fetch stops before its end. The file
  `e2e-holding` says that one has.
"""

from __future__ import annotations

import base64
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORIES = Path("/repositories")


class Handler(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend`."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        repository = REPOSITORIES / url.path.split("/")[1]
        if (repository / "e2e-silent").exists():
            threading.Event().wait()
        if not self._may_enter(repository):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        done = subprocess.run(
            ["git", "http-backend"],
            input=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            stdout=subprocess.PIPE,
            check=True,
            env={
                "PATH": "/usr/bin:/bin",
                "GIT_PROJECT_ROOT": str(REPOSITORIES),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": url.path,
                "QUERY_STRING": url.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        # Only an answer that carries a pack, and not what says which commits there are.
        if b"PACK" in body and (repository / "e2e-held").exists():
            half = len(body) // 2
            self.wfile.write(body[:half])
            (repository / "e2e-holding").touch()
            while (repository / "e2e-held").exists():
                time.sleep(0.05)
            body = body[half:]
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (the name that the base class calls)

    def _may_enter(self, repository: Path) -> bool:
        token = repository / "e2e-token"
        if not token.exists():
            return True
        given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic "))
        return given.decode().partition(":")[2] == token.read_text()


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
