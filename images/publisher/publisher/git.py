"""One run of git: what it may reach, how long and how much, and what its errors mean."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from publisher.paths import Paths
from publisher.processes import Processes
from publisher.sources import MIRROR, Limits, Site

SILENCE = 20
"""Seconds without a byte after which a fetch ends."""
MIB = 1024 * 1024
DISK_FULL = "the host's disk is full"

_SETTINGS = {
    "core.bigFileThreshold": "8m",  # larger files go through in pieces, not through memory
    "fetch.unpackLimit": "1",  # what is fetched is one file, so that a limit of files bounds it
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.threads": "1",
}
# This overrides a repository's .gitattributes, which is meant for those who work on its files: the
# committed bytes are published.
_ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"
# What git, curl and ssh say, and what a person is told instead.
_MEANINGS = [
    (r"No space left on device|Disk quota exceeded", DISK_FULL),
    (r"unable to write", "writing to the host's disk failed"),
    (r"error: 404|[Rr]epository.*not found", "the repository doesn't exist or isn't public (404)"),
    (
        r"could not read (Username|Password)|Authentication failed|error: 40[13]",
        "the repository doesn't exist, isn't public, or the server refuses the token",
    ),
    (r"Permission denied \(", "the server refuses the site's key, or the site has none"),
    (
        r"Host key verification failed",
        "the server's host key isn't in sources.known_hosts",
    ),
    (r"Operation too slow", "the server sent nothing for {silence} seconds"),
    (r"Could not resolve", "the server's name can't be resolved"),
    (
        r"ould(n't| not) connect|Connection refused|unreachable|No route",
        "the server can't be reached",
    ),
    (r"[Tt]imed out|timeout", "the server doesn't answer"),
]


class RefusedError(Exception):
    """Why nothing was published, as one sentence for people."""


class TooLargeError(RefusedError):
    """A file would have exceeded its limit."""


@dataclass(frozen=True)
class Git:
    """Runs git on one repository, during one run of one site."""

    processes: Processes
    paths: Paths
    site: Site
    limits: Limits
    repository: Path
    silence: int = SILENCE
    started: float = field(default_factory=time.monotonic)

    def run(
        self,
        *argv: str,
        tree: Path | None = None,
        given: bytes = b"",
        most: int | None = None,
        within: float | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        """The output of `git argv`. Raises RefusedError.

        No file that git writes may exceed the site's limit, and its output may not exceed
        `most` bytes. Git ends after `within` seconds, or when the time of the whole run is over.
        """
        left = self.started + self.limits.seconds - time.monotonic()
        seconds = left if within is None else min(left, within)
        environment = self._environment() | dict(env or {})
        if tree:
            environment["GIT_WORK_TREE"] = str(tree)
        try:
            code, said, errors = self.processes.run(
                ["prlimit", f"--fsize={most or self.limits.mib * MIB}", "git", *argv],
                env=environment,
                given=given,
                seconds=max(seconds, 0),
                tmp=self.paths.temporary,
                # A fetch that is only told prints the reason; a listing would go on in vain.
                signalled=most is not None,
            )
        except TimeoutError:
            if seconds < left:
                raise RefusedError(
                    f"the server didn't answer within {seconds:.0f} seconds"
                ) from None
            raise RefusedError(
                f"the run took more than {self.limits.seconds} seconds, the limit in "
                "sources.limits.seconds"
            ) from None
        if code == -signal.SIGXFSZ or (code and "File too large" in errors):
            raise TooLargeError(
                f"the repository is larger than {self.limits.mib} MiB, the limit in "
                "sources.limits.mib"
            )
        if code:
            raise RefusedError(self._meaning(errors))
        return said

    def make(self, object_format: str = "sha1") -> None:
        """Make the repository if it is missing. Raises RefusedError."""
        if not (self.repository / "HEAD").exists():
            self.run("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}")
        attributes = self.repository / "info/attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(_ATTRIBUTES)

    def _meaning(self, errors: str) -> str:
        for pattern, meaning in _MEANINGS:
            if re.search(pattern, errors):
                return meaning.format(silence=self.silence)
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
        text = telling[0] if telling else "git failed without a message"
        # A server chooses this text, which may contain a terminal's control characters.
        return "".join(letter for letter in text if letter.isprintable())[:200]

    def _environment(self) -> dict[str, str]:
        settings = _SETTINGS | {
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(self.silence),
        }
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "TMPDIR": str(self.paths.temporary),
            "GIT_DIR": str(self.repository),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": str(len(settings)),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_SSH_COMMAND": self._ssh(),
        }
        for number, (name, value) in enumerate(settings.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        fetch = self.site.fetch or ""
        if fetch.startswith(MIRROR):
            environment["GIT_ALLOW_PROTOCOL"] = "file"
        # The token stays in its file; git calls a program that reads it.
        if (token := self.paths.token(self.site.name)).exists():
            environment |= {
                "GIT_ASKPASS": str(self.paths.askpass),
                "PUBLISHER_TOKEN": str(token),
                "PUBLISHER_SERVER": "/".join(fetch.split("/")[:3]),
            }
        return environment

    def _ssh(self) -> str:
        key = self.paths.key(self.site.name)
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": str(key) if key.exists() else "none",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.paths.known_hosts),
            "GlobalKnownHostsFile": os.devnull,
            "ConnectTimeout": str(self.silence),
            "ServerAliveInterval": str(max(1, self.silence // 2)),
            "ServerAliveCountMax": "2",
            "LogLevel": "ERROR",
        }
        return " ".join(
            ["ssh", "-F", os.devnull, *(f"-o {name}={value}" for name, value in options.items())]
        )
