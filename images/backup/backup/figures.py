"""The figures of the service, as Prometheus reads them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from backup.notes import Notes

_TIMES = {
    "began": ("began", "When the service first started."),
    "newest_snapshot": ("newest", "When the newest snapshot in the repository was made."),
    "last_run": ("tried", "When the last run began."),
    "last_good_check": ("well", "When the repository was last found well, or when all began."),
    "last_good_drill": ("proved", "When a trial restore was last good, or when all began."),
}
_NUMBERS = {
    "last_run_exit_code": ("code", "How the last run ended: 0, or as restic says it."),
    "unread": ("unread", "How much that couldn't be read the last snapshot lacks."),
    "check_failed": ("damaged", "1 if the last check of the repository failed."),
    "drill_failed": ("drill_failed", "1 if the last trial restore failed."),
    "newest_snapshot_bytes": ("newest_bytes", "What the newest snapshot holds."),
    "snapshot_before_bytes": ("before_bytes", "What the snapshot before it holds; 0 for none."),
}


def text(notes: Notes) -> str:
    """All figures. 0 of a time is never."""
    figures = {f"{name}_timestamp_seconds": told for name, told in _TIMES.items()} | _NUMBERS
    return "".join(
        f"# HELP backup_{name} {about}\n# TYPE backup_{name} gauge\n"
        f"backup_{name} {getattr(notes, key)}\n"
        for name, (key, about) in figures.items()
    )


@dataclass
class Told:
    """What is told now."""

    text: str = ""


def tell(told: Told, port: int) -> ThreadingHTTPServer:
    """Answer whoever asks for the figures, beside all else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/metrics"
            content = (told.text if found else "only /metrics is here\n").encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nobody reads of each answer."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
