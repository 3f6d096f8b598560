"""Somebody's machine with Docker, pip, twine, uv and Poetry, of which this one notices nothing.

    with Clients(folder, hosts={"registry.localhost": "127.0.0.1"}) as clients:
        clients.run("pip", "download", …)

It has an /etc of its own (names, certificates), a home of its own, and a Docker daemon of its
own, which keeps images and runs nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import docker

from .second_host import ends_with_us
from .waiting import wait_until

_TOOLS = Path(__file__).resolve().parents[3] / ".engine/tools/clients/bin"
_PATIENCE = 60
_OWN_ETC = 'mount --bind "$0" /etc && exec "$@"'
# Nothing of this machine's Docker and containerd, as on a second host.
#
# It has a bridge of its own and runs nothing on it: a daemon without any (`bridge: none`) would
# take away this machine's docker0.
_DAEMON = """\
mount -t tmpfs -o mode=755 tmpfs /run &&
ip link add {bridge} type bridge && ip address add {address} dev {bridge} &&
exec dockerd --config-file {file}"""
_numbers = itertools.count(1)


def missing() -> str:
    """Why there can be no such machine here, for `pytest.skip`; "" where there can."""
    if os.geteuid() != 0:
        return "this needs an /etc of its own, which only root can make"
    return "" if (_TOOLS / "twine").exists() else "setup/test-tools installs twine, uv and Poetry"


class Clients:
    """The machine, for as long as the `with` block lasts. Enter it in the main thread."""

    def __init__(self, folder: Path, hosts: Mapping[str, str]) -> None:
        """`hosts` are addresses by name: what a person writes into /etc/hosts."""
        self.folder, self.home = folder, folder / "home"
        self._etc, self._socket = folder / "etc", f"unix://{folder}/docker.sock"
        self.home.mkdir(parents=True)
        self.bin = folder / "bin"
        """Programs that come first."""
        self.bin.mkdir()
        for tool in ("pip", "twine", "uv", "poetry"):
            (self.bin / tool).symlink_to(_TOOLS / tool)
        shutil.copytree("/etc", self._etc, symlinks=True, ignore=shutil.ignore_patterns("docker"))
        self.resolve(hosts)
        self.environment = {
            "PATH": f"{folder}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "DOCKER_HOST": self._socket,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_TARGET": str(self.home / "installed"),
        }

    def __enter__(self) -> Self:
        _sweep()
        number = next(_numbers)
        self._bridge, address = f"clients{os.getpid()}-{number}", f"169.254.{number}.1/30"
        settings = {
            "hosts": [self._socket],
            "data-root": str(self.folder / "docker"),
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "bridge": self._bridge,
            "iptables": False,
            "log-level": "warn",
        }
        file = self.folder / "daemon.json"
        file.write_text(json.dumps(settings))
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                self._on_it(
                    "sh",
                    "-c",
                    _DAEMON.format(file=file, bridge=self._bridge, address=address),
                    around=ends_with_us(),
                ),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, "the clients' Docker answers", seconds=20)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._daemon.kill()  # and with it all of its processes and mounts
        self._daemon.wait()
        subprocess.run(["ip", "link", "delete", self._bridge], check=False)
        shutil.rmtree(self.folder / "docker", ignore_errors=True)

    def _answers(self) -> bool:
        return bool(self.docker.ping())

    @cached_property
    def docker(self) -> docker.DockerClient:
        """The daemon, asked directly."""
        return docker.DockerClient(self._socket)

    def resolve(self, hosts: Mapping[str, str]) -> None:
        """Have names lead to these addresses, as a change in DNS does."""
        lines = (f"{address} {name}\n" for name, address in hosts.items())
        text = Path("/etc/hosts").read_text() + "".join(lines)
        (self._etc / "hosts").write_text(text)

    def trust(self, registry: str, ca: Path) -> None:
        """Have the daemon believe a CA's certificates for a registry."""
        folder = self._etc / "docker/certs.d" / registry
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ca, folder / "ca.crt")

    def run(
        self, *argv: str, given: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in its home, with `given` as standard input; its output is one text."""
        return subprocess.run(
            self._on_it(*argv),
            cwd=self.home,
            env=self.environment | environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def ok(self, *argv: str, given: str = "", **environment: str) -> str:
        """The output of a command that must succeed."""
        done = self.run(*argv, given=given, **environment)
        assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs beside the block, and is ended with it."""
        process = subprocess.Popen(
            self._on_it(*argv),
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def type(self, script: str, answers: Sequence[tuple[str, str]]) -> str:
        """What a terminal shows while a shell runs `script`, which must succeed.

        `answers` are what a person types, by a pattern of what they are asked.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self._on_it("setsid", "--ctty", "--wait", "bash", "-euc", script),
            cwd=self.home,
            env={**self.environment, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown, answered, until = "", 0, time.monotonic() + _PATIENCE
        try:
            while time.monotonic() < until:
                if not select.select([ours], [], [], 0.2)[0]:
                    continue
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # all its ends are closed
                    break
                if not piece:
                    break
                shown += piece.decode(errors="replace")
                for pattern, answer in answers:
                    if found := re.search(rf"({pattern})[^\n]*$", shown[answered:]):
                        answered += found.end()
                        time.sleep(0.3)  # who asks for a password first throws away what was typed
                        os.write(ours, f"{answer}\n".encode())
                        break
            else:
                process.kill()
        finally:
            code = process.wait(_PATIENCE)
            os.close(ours)  # after its end, which a hang-up would bring about
        assert code == 0, f"{script}\n{shown}\nexit code {code}"
        return shown

    def _on_it(self, *argv: str, around: Sequence[str] = ("unshare",)) -> list[str]:
        return [*around, "--mount", "sh", "-c", _OWN_ETC, str(self._etc), *argv]


def _sweep() -> None:
    """Remove the bridges of test runs that were killed."""
    for bridge in Path("/sys/class/net").glob("clients*-*"):
        owner = bridge.name.removeprefix("clients").partition("-")[0]
        if not Path("/proc", owner).exists():
            subprocess.run(["ip", "link", "delete", bridge.name], check=False)
