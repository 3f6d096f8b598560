"""The jobs and rules that a person adds to Prometheus: the files of `config/prometheus/`."""

from __future__ import annotations

from pathlib import Path

from config.model import ConfigError
from values.prometheus import OwnFiles

OWN = "config/prometheus"


def read(root: Path) -> OwnFiles:
    """Raises ConfigError for what can't be read; Prometheus checks the rest itself."""
    problems: list[str] = []
    scrapes = root / OWN / "scrape.yml"
    found = OwnFiles(
        shown_as=OWN,
        scrapes=_text(scrapes, root, problems) if scrapes.exists() else "",
        rules={
            file.name: _text(file, root, problems)
            for file in sorted((root / OWN / "rules").glob("[!.]*"))
        },
    )
    problems += [
        f"{stray.relative_to(root).as_posix()}: nothing reads this file; this folder takes "
        "scrape.yml and rules/*.yml; rename it, or move it away"
        for stray in sorted((root / OWN).glob("[!.]*.y*ml"))
        if stray.name != "scrape.yml"
    ]
    if problems:
        raise ConfigError(problems)
    return found


def _text(file: Path, root: Path, problems: list[str]) -> str:
    shown = file.relative_to(root).as_posix()
    if file.suffix != ".yml" or not file.is_file():
        problems.append(f"{shown}: must be a file that ends in .yml; rename it, or move it away")
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problems.append(f"{shown}: is not UTF-8 text; save it as UTF-8")
    except OSError as error:
        problems.append(f"{shown}: can't be read: {(error.strerror or str(error)).lower()}")
    return ""
