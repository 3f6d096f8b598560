"""The checkout's git, asked and told as a person would, but never for long and never outside."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 30  # seconds; a hook, or a key that asks for its passphrase, may take for ever
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
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

    def history(self, *paths: str, at_most: int = 5) -> list[Commit]:
        """The last commits of files and folders, the newest first."""
        log = self._try("log", f"-{at_most}", f"--format=%x1e{_FIELDS}", "--", *paths)
        return [Commit(*record.strip().split("\x1f")) for record in log.split("\x1e")[1:]]

    def before(self, commit: Commit, file: str) -> str | None:
        """The text of a file in the commit before; None where it wasn't there.

        Raises RepositoryError for a commit whose predecessor isn't here, as in a shallow clone,
        and for what isn't UTF-8, which no page could give back byte for byte.
        """
        parent = self._parent(commit)
        if not parent or not self._git("ls-tree", parent, "--", file):
            return None
        text = self._git("show", f"{parent}:{file}")
        if _UNREADABLE in text:
            raise RepositoryError(f"{file} wasn't UTF-8 text in the commit before")
        return text

    def changed(self, commit: Commit, path: str) -> bool:
        """Whether a commit changed a file or folder."""
        there = [self._try("rev-parse", "--verify", "--quiet", f"{commit.id}:{path}")]
        parent = self._parent(commit)
        there += (
            [self._try("rev-parse", "--verify", "--quiet", f"{parent}:{path}")] if parent else [""]
        )
        return there[0] != there[1]

    def bring_back(self, commit: Commit, folder: str, into: Path) -> bool:
        """Write a folder as it was in the commit before to a place that isn't there yet; whether
        there was one. Raises RepositoryError.
        """
        parent = self._parent(commit)
        if not parent or not self._git("ls-tree", parent, "--", folder):
            return False
        with tempfile.TemporaryDirectory() as apart:
            index = {"GIT_INDEX_FILE": f"{apart}/index"}
            self._git("read-tree", f"{parent}:{folder}", environment=index)
            self._git("checkout-index", "--all", f"--prefix={into}/", environment=index)
        return True

    def unsaved(self, folder: str) -> list[str]:
        """What is in a folder and in no commit as it is, ignored files too."""
        listed = self._try("status", "--porcelain", "-z", "--ignored", "--no-renames", "--", folder)
        return [entry[3:] for entry in listed.split("\0") if entry]

    def _parent(self, commit: Commit) -> str:
        """The commit before, by its id; "" for the first one."""
        return [*self._git("rev-list", "--parents", "-1", commit.id).split()[1:], ""][0]

    def refuse_commit(self) -> None:
        """Raise RepositoryError where a commit isn't possible now, before anything is written."""
        if self._git("rev-parse", "--is-inside-work-tree").strip() != "true":
            raise RepositoryError("this folder is no working tree of git")
        for sign, what in _UNDER_WAY.items():
            if (self.root / self._git("rev-parse", "--git-path", sign).strip()).exists():
                raise RepositoryError(f"a {what} is under way in this checkout; end it first")

    def commit(self, files: Sequence[str], message: str) -> None:
        """Commit these files as they are, and nothing else; nothing if the last commit has them so.

        Raises RepositoryError with git's reason; what was staged before still is.
        """
        listed = self._git("status", "--porcelain", "-z", "--no-renames", "--ignored", "--", *files)
        if not listed:
            return
        ignored = [entry[3:] for entry in listed.split("\0") if entry.startswith("!!")]
        if ignored and ignored[0] not in files:
            raise RepositoryError(f"{ignored[0]} is among what git ignores, by .gitignore")
        new = [entry[3:] for entry in listed.split("\0") if entry.startswith("??")]
        if new:
            self._git("add", "--intent-to-add", "--", *new)
        try:
            self._git("commit", "--quiet", "--only", f"--message={message}", "--", *files)
        except RepositoryError:
            if new:
                self._try("rm", "--cached", "--force", "--quiet", "-r", "--", *new)
            raise

    def _try(self, *arguments: str) -> str:
        """What git prints, or nothing where it fails."""
        try:
            return self._git(*arguments)
        except RepositoryError:
            return ""

    def _git(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """What git prints. Raises RepositoryError with what it says last."""
        try:
            process = subprocess.Popen(
                ["git", "-c", "core.quotePath=false", *arguments],
                cwd=self.root,
                env=_environment() | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # without a terminal nobody is asked for a passphrase
            )
        except FileNotFoundError as error:
            raise RepositoryError("git is missing on this machine; install it") from error
        try:
            out, said = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise RepositoryError(
                f"git {arguments[0]} was ended after {_TIMEOUT} s: a hook, or a key that asks "
                "for its passphrase, keeps it waiting; type it in a terminal to see"
            ) from error
        if process.returncode:
            raise RepositoryError(_sentence(arguments[0], said.decode(errors="replace")))
        return out.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and all that it started; asked first, so that it takes its locks away."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)


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
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any("tell me who you are" in line for line in lines):
        return (
            "git doesn't know who you are; type `git config user.name …` and "
            "`git config user.email …` in this checkout"
        )
    reasons = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return f"git {command} failed: {reasons[0] if reasons else 'it gives no reason'}"
