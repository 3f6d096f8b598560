"""The checkout's git, asked and told as a person would, but never for long and never outside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 30  # seconds; a hook, or a key that asks for its passphrase, may take for ever
_FIELDS = "%H%x1f%h%x1f%cs%x1f%s"
_UNDER_WAY = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


class RepositoryError(Exception):
    """Why git doesn't do what it was told, in one sentence."""


@dataclass(frozen=True)
class Commit:
    """One commit, as a list shows it."""

    id: str
    short: str
    day: str
    subject: str


@dataclass(frozen=True)
class Repository:
    """The repository whose working tree is at `root`."""

    root: Path

    def last_commits(self, folder: str) -> dict[str, Commit]:
        """The last commit of each file below a folder, by path."""
        found: dict[str, Commit] = {}
        log = self._try("log", f"--format=%x1e{_FIELDS}", "--name-only", "-z", "--", folder)
        for record in log.split("\x1e")[1:]:
            head, _, names = record.partition("\0")
            commit = Commit(*head.split("\x1f"))
            for name in filter(None, names.strip("\n").split("\0")):
                found.setdefault(name.strip("\n"), commit)
        return found

    def uncommitted(self) -> list[str]:
        """Files that differ from the last commit, new ones too."""
        listed = self._try("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
        return [entry[3:] for entry in listed.split("\0") if entry]

    def not_pushed(self) -> int | None:
        """Commits that the branch's upstream hasn't, as far as is known here; None without one."""
        counted = self._try("rev-list", "--count", "@{upstream}..HEAD").strip()
        return int(counted) if counted else None

    def _try(self, *arguments: str) -> str:
        """What git prints, or nothing where it fails."""
        try:
            return self._git(*arguments)
        except RepositoryError:
            return ""

    def _git(self, *arguments: str) -> str:
        """What git prints. Raises RepositoryError with what it says last."""
        try:
            process = subprocess.Popen(
                ["git", "-c", "core.quotePath=false", *arguments],
                cwd=self.root,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # without a terminal nobody is asked for a passphrase
            )
        except FileNotFoundError as error:
            raise RepositoryError("git is missing on this machine; install it") from error
        try:
            out, said = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise RepositoryError(
                f"git {arguments[0]} was ended after {_TIMEOUT} s: a hook, or a key that asks "
                "for its passphrase, keeps it waiting; type it in a terminal to see"
            ) from error
        if process.returncode:
            raise RepositoryError(_sentence(arguments[0], said))
        return out


def _environment() -> dict[str, str]:
    """The environment of git: without what would lead git elsewhere or to a question."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
    }
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",  # looking writes nothing
        "GIT_EDITOR": "true",
        "LC_ALL": "C.UTF-8",
    }


def _sentence(command: str, said: str) -> str:
    lines: Iterable[str] = [line.strip() for line in said.splitlines() if line.strip()]
    last = next(reversed(list(lines)), "it gives no reason")
    return f"git {command} failed: {last}"
