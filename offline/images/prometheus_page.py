"""Prometheus' page: its Go module has the sources alone, of which npm's packages make the page."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

# It installs what the lock file beside the sources names, and runs on Node.js 18 as well.
PNPM = "pnpm@10.34.9"

STEPS = (
    (
        *("pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--store-dir", ".store"),
        *("--loglevel", "error", "--filter", "@prometheus-io/mantine-ui..."),
    ),
    ("bash", "build_ui.sh", "--mantine-ui"),
)


def add_page(sources: Path) -> bool:
    """Whether the page could be built: then it is in the Go package of its sources."""
    if shutil.which("npm") is None:
        return _left_out("it needs npm, of Node.js 20.19 or newer")
    for step in STEPS:
        command = ("npm", "exec", "--yes", "--package", PNPM, "--", *step)
        # In CI pnpm and Vite behave differently.
        env = {**os.environ, "CI": ""}
        done = subprocess.run(
            command,
            cwd=sources,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )
        if done.returncode != 0:
            print(*done.stdout.splitlines()[-20:], sep="\n", file=sys.stderr)
            return _left_out(f"{' '.join(step)} failed, as it says above")
    _embed(sources)
    return True


def _embed(sources: Path) -> None:
    """Compress the page's files, and name them to Go, as Prometheus' own build does."""
    files = sorted(file for file in (sources / "static").rglob("*") if file.is_file())
    for file in files:
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    names = " ".join(f"{file.relative_to(sources)}.gz" for file in files)
    template = (sources / "embed.go.tmpl").read_text()
    (sources / "embed.go").write_text(f"{template}//go:embed {names}\nvar EmbedFS embed.FS\n")


def _left_out(why: str) -> bool:
    print(f"Prometheus' page is left out: {why}.", file=sys.stderr)
    return False
