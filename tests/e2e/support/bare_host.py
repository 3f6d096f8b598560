"""A machine as one rents it: Debian with an SSH server, and no Docker.

A container of this machine's Docker with nearly all capabilities, so that a Docker of its own
can be installed and run in it, from Debian's packages. Unlike the second host it has a way out,
as installing needs one, and a file system of its own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import docker
from docker.models.containers import Container

from host import engine
from offline.images.debian import debian

from .waiting import wait_until

_DOCKERFILE = """\
FROM {debian}
RUN apt-get update -qq && apt-get install -y -qq openssh-server >/dev/null
"""
_IMAGE = "homeport/bare-host:1"
LABEL = "homeport.bare-host"


class BareHost:
    """A host without Docker at an address of its own, for as long as the `with` block lasts."""

    def __enter__(self) -> Self:
        self._client = docker.from_env()
        _build(self._client)
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self._write_keys()
        # The command line, as the SDK has no `systempaths`. Not `--privileged`: a machine that
        # lacks this one capability itself can't give it away.
        started = subprocess.run(
            ["docker", "run", "--detach", "--init", "--label", f"{LABEL}={os.getpid()}",
             "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
             "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
             "--security-opt", "systempaths=unconfined",
             # Its Docker keeps images where overlays work; its socket can be looked at from here.
             "--volume", "/var/lib/docker", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
             "--volume", f"{self.folder}/run:/run", _IMAGE,
             "sh", "-c", "mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.container: Container = self._client.containers.get(started.stdout.strip())
        self._copy_in("authorized_keys", "/root/.ssh")
        self.container.reload()
        self.address = str(self.container.attrs["NetworkSettings"]["IPAddress"])
        self.docker_host = f"ssh://root@{self.address}"
        self.docker = f"unix://{self.folder}/run/docker.sock"
        wait_until(self._host_key, "the bare host answers over SSH")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its own containers first: their cgroups are beside this container's, not below.
        last = "docker ps -q | xargs -r docker rm -f; kill $(cat /run/docker.pid); sleep 1"
        engine.run_in(self.container, ["sh", "-c", last])
        self.container.remove(force=True, v=True)
        self._client.close()
        with suppress(OSError):
            self._temporary.cleanup()

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`base` with an `ssh` first on PATH that knows the way, as the second host's does."""
        return {**base, "PATH": f"{self.folder}/bin:{base['PATH']}"}

    def run(self, script: str) -> str:
        """What a script prints on the host."""
        ran = engine.run_in(self.container, ["sh", "-c", script])
        assert ran.code == 0, ran.said
        return ran.output.decode()

    def _write_keys(self) -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key"], check=True
        )
        (self.folder / "authorized_keys").write_text((self.folder / "key.pub").read_text())
        (self.folder / "ssh_config").write_text(_SSH_CONFIG.format(folder=self.folder))
        (self.folder / "bin").mkdir()
        (self.folder / "run").mkdir()
        found = subprocess.run(["which", "ssh"], capture_output=True, text=True, check=True).stdout
        ssh = self.folder / "bin/ssh"
        ssh.write_text(f'#!/bin/sh\nexec {found.strip()} -F {self.folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)

    def _copy_in(self, name: str, to: str) -> None:
        self.run(f"mkdir -p -m 700 {to} && cat >{to}/{name} <<'END'\n"
                 f"{(self.folder / name).read_text()}END")  # fmt: skip

    def _host_key(self) -> bool:
        scanned = subprocess.run(
            ["ssh-keyscan", "-t", "ed25519", self.address],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        (self.folder / "known_hosts").write_text(scanned)
        return bool(scanned)


_SSH_CONFIG = """\
Host *
  IdentityFile {folder}/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
"""


def _build(client: docker.DockerClient) -> None:
    with suppress(docker.errors.ImageNotFound):
        client.images.get(_IMAGE)
        return
    dockerfile = _DOCKERFILE.format(debian=debian("trixie"))
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", _IMAGE, "-"],
        input=dockerfile,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
