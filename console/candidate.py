"""A site's file as somebody is about to write it: checked, compared, and written."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.edited import Edited
from config.model import ConfigError
from config.names import name_problem
from config.yaml_file import YamlFile
from console.caddyfile_import.foreign import is_yaml
from console.pages_of_site import put_in_place
from console.repository import Repository, RepositoryError
from console.run import Pages

SITES = "config/sites"
MAX_TEXT = 256 * 1024
"""Bytes of a site's file."""
_QUOTED = 120  # characters of a line


@dataclass(frozen=True)
class Sentence:
    """One thing that is wrong with a text."""

    line: int
    """From 1; 0 where it is about the whole."""
    text: str
    quoted: str = ""
    """The line itself."""


@dataclass(frozen=True)
class Checked:
    """What is wrong: with the text, and elsewhere."""

    own: tuple[Sentence, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether it can be previewed."""
        return not self.own and not self.others


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the form holds."""

    name: str = ""
    text: str = ""
    base: str = ""
    """The digest of the file when somebody began to change it; "" for a new one."""
    is_new: bool = False
    pages: str = ""
    """The name of the set of pages that was dropped with it; "" for none."""


class ChangedError(Exception):
    """A file isn't as it was when somebody began to change it."""

    def __init__(self, file: str, now: str | None) -> None:
        super().__init__(file)
        self.file = file
        self.now = now


def check(load: Callable[[Edited], object], name: str, text: str) -> Checked:
    """What the commands would say if the site's file had this text, at its lines."""
    file = f"{name}.yaml"
    if problem := name_problem(file, f"{SITES}/{file}"):
        return Checked(own=(Sentence(0, problem.partition(": ")[2]),))
    try:
        load({file: text})
    except ConfigError as error:
        return _sorted_out(error.problems, f"{SITES}/{file}", text)
    return Checked()


def _sorted_out(problems: tuple[str, ...], file: str, text: str) -> Checked:
    own, others = [], []
    for problem in problems:
        if match := re.match(rf"{re.escape(file)}(?::(\d+))?: (.*)", problem, re.DOTALL):
            own.append((int(match[1] or 0), match[2]))
        else:
            others.append(problem)
    return Checked(at_lines(text, own), tuple(others))


def at_lines(text: str, told: Iterable[tuple[int, str]]) -> tuple[Sentence, ...]:
    """Sentences about lines of a text, in the order of the lines."""
    lines = ["", *text.splitlines()]
    return tuple(
        Sentence(line, said, lines[line].strip()[:_QUOTED] if line < len(lines) else "")
        for line, said in sorted(told, key=lambda one: one[0])
    )


def is_site_file(text: str) -> bool:
    """Whether a text is YAML with fields, well or not, and nothing of another kind."""
    if is_yaml(text):
        return True
    try:
        YamlFile(Path(), "", text)
    except ConfigError as error:
        return not any(": is not YAML" in p or ": must be a mapping" in p for p in error.problems)
    return True


def text_at(root: Path, file: str) -> str | None:
    """The text of a site's file; None where there is none."""
    try:
        return (root / SITES / file).read_bytes().decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return None


def digest(text: str | None) -> str:
    """Tells one text from another; "" for a file that isn't there."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()


def as_file(text: str) -> str:
    """A text as a form sends it, with the ends of lines of a file."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if lines.endswith("\n") or not lines else f"{lines}\n"


def difference(before: Edited, edited: Edited) -> list[str]:
    """What changes in files, as git shows it."""
    lines: list[str] = []
    for file, after in edited.items():
        was, path = before.get(file), f"{SITES}/{file}"
        lines += difflib.unified_diff(
            (was or "").splitlines(),
            (after or "").splitlines(),
            "/dev/null" if was is None else path,
            "/dev/null" if after is None else path,
            lineterm="",
        )
    return lines


def put(
    root: Path,
    repository: Repository,
    edited: Edited,
    before: Edited,
    message: str,
    *,
    pages: Pages | None = None,
    given: Path | None = None,
) -> None:
    """Write the files, put the pages in place that are `given`, and commit this and nothing else.
    If git refuses, all is as before.

    Raises ChangedError if one isn't as it was `before`, RepositoryError with git's reason.
    """
    for file in edited:
        now = text_at(root, file)
        if now != before.get(file):
            raise ChangedError(file, now)
    if not edited:
        return
    repository.refuse_commit()
    paths = [root / SITES / file for file in edited]
    kept = {path: path.read_bytes() if path.exists() else None for path in paths}
    texts = zip(paths, edited.values(), strict=True)
    _write({path: None if text is None else text.encode() for path, text in texts})
    committed = [f"{SITES}/{file}" for file in edited] + ([pages.folder] if pages else [])
    try:
        with put_in_place(root, pages, given):
            repository.commit(committed, message)
    except (RepositoryError, OSError):
        _write(kept)
        raise


def _write(contents: Mapping[Path, bytes | None]) -> None:
    for path, content in contents.items():
        if content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, under a name that no site's file has, so that nobody reads half of it.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as new:
            new.write(content)
        Path(new.name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(new.name, path)  # noqa: PTH105 - as one step
