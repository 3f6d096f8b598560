"""A person who has just cloned the project and owns nothing on the machine but a HOME."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import docker

from tests.e2e.checkout import ROOT, free_port
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name

_USER = 65534  # nobody, who is given a name and a HOME
_BECOME = """\
mount --bind "{passwd}" /etc/passwd
exec setpriv --reuid={user} --regid={user} --groups={groups} "$@"
"""
# All else, the settings of Pulumi, make and Python for a start, belongs to who runs the tests.
_KEPT = re.compile(r"(?i)(pip|ssl|curl|requests)_\w+|\w+_proxy|docker_host|lang")


class Newcomer:
    """Types lines into a shell of a fresh clone. `close` takes all of it away again.

    Where root runs the tests, this is an unprivileged member of the group that may use Docker.
    The clone has a project name and ports of its own, and the engine that is built already.
    """

    def __init__(self) -> None:
        self.project = stack_name("newcomer")
        self.label = f"{self.project}/local"
        self.http, self.https = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.prod_host = f"ssh://root@127.0.0.1:{free_port('127.0.0.1')}"  # nobody is there
        socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.docker = docker.DockerClient(base_url=socket)
        self._is_root = os.geteuid() == 0
        self._docker_group = Path(socket.removeprefix("unix://")).stat().st_gid
        # Not in pytest's own folder, which nobody else may enter.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.project}-"))
        self.clone, self.home = self.folder / "clone", self.folder / "home"
        path = [entry for entry in os.environ["PATH"].split(os.pathsep) if self._may_use(entry)]
        self.environment = {key: text for key, text in os.environ.items() if _KEPT.fullmatch(key)}
        self.environment |= {"HOME": str(self.home), "PATH": os.pathsep.join(path)}
        changes = {
            "homeport:": f"{self.project}:",
            "name: homeport": f"name: {self.project}",
            "unix:///var/run/docker.sock": socket,
            "http: 8080": f"http: {self.http}",
            "https: 8443": f"https: {self.https}",
            "ssh://root@server.example.org": self.prod_host,
        }
        try:
            self._copy_files(changes)
            self._write_home()
            self._take(self.folder)
            self._link_engine()
            commit = "git -c user.name=e2e -c user.email=e2e@localhost commit -qm 'a clone'"
            self.does(f"git init -q && git add . && {commit}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the stack, whatever state it is in, and the folder."""
        try:
            containers.remove_all(self.docker, self.label)
            self.docker.close()
        finally:
            shutil.rmtree(self.folder)

    @contextlib.contextmanager
    def starts(
        self, line: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A line of bash while it runs, without a terminal; afterwards nothing of it does."""
        process = subprocess.Popen(
            [*self._become(), "bash", "-c", line],
            cwd=self.clone,
            env=self.environment if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def types(
        self, line: str, environment: Mapping[str, str] | None = None, *, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """What a line of bash prints, and how it ends."""
        with self.starts(line, environment) as process:
            try:
                stdout, stderr = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as slow:
                raise AssertionError(f"{line}: {slow}: {slow.stdout!r} {slow.stderr!r}") from slow
        return subprocess.CompletedProcess(line, process.returncode, stdout, stderr)

    def does(
        self, line: str, environment: Mapping[str, str] | None = None, *, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """As `types`, of a line that has to succeed."""
        done = self.types(line, environment, seconds=seconds)
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def make_new_folder(self, name: str) -> Path:
        """An empty folder of the newcomer's."""
        folder = self.folder / name
        folder.mkdir()
        self._take(folder)
        return folder

    def _become(self) -> list[str]:
        """What precedes a command for it to be the newcomer's.

        Pulumi and ssh take the HOME that stands in /etc/passwd, so they find one there.
        """
        if not self._is_root:
            return []
        passwd = self.folder / "passwd"
        script = _BECOME.format(passwd=passwd, user=_USER, groups=self._docker_group)
        return ["unshare", "--mount", "sh", "-euc", script, "sh"]

    def _may_use(self, entry: str) -> bool:
        """Whether a folder on PATH isn't this checkout's own, nor one in root's HOME."""
        private = [ROOT, Path.home()] if self._is_root else [ROOT]
        return not any(Path(entry).is_relative_to(folder) for folder in private)

    def _copy_files(self, changes: Mapping[str, str]) -> None:
        """What a commit of everything here would hold, ready to be committed there."""
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-zco", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for name in listed.split("\0")[:-1]:
            if (ROOT / name).exists():  # else its removal isn't committed yet
                file = self.clone / name
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, file)
        for file in self.clone.glob("Pulumi*.yaml"):
            text = file.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            file.write_text(text)

    def _write_home(self) -> None:
        """A HOME of somebody who uses Pulumi for other things."""
        plugin = self.home / ".pulumi/plugins/resource-random-v4.18.0/PulumiPlugin.yaml"
        plugin.parent.mkdir(parents=True)
        plugin.write_text("runtime: go\n")
        (self.home / ".pulumi/credentials.json").write_text('{"current": "https://example.org"}')
        known = f"newcomer:x:{_USER}:{_USER}::{self.home}:/bin/bash"
        (self.folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{known}\n")

    def _link_engine(self) -> None:
        """Its files stay their owner's, whom they are shared with."""
        for part in ("bin", "plugins"):
            if (ROOT / ".engine" / part).exists():  # else Pulumi is one that the person installed
                target = self.clone / ".engine" / part
                shutil.copytree(ROOT / ".engine" / part, target, copy_function=_link)
        for folder in [self.clone / ".engine", *(self.clone / ".engine").rglob("*/")]:
            self._own(folder)

    def _take(self, top: Path) -> None:
        for path in [top, *top.rglob("*")]:
            self._own(path)

    def _own(self, path: Path) -> None:
        if self._is_root:
            os.chown(path, _USER, _USER, follow_symlinks=False)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy(source, target)
