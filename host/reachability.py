"""Why a Docker engine doesn't answer, in one sentence that says what to do."""

from __future__ import annotations

import re
import socket
import subprocess

from host.ssh_transport import ssh_options
from values.command_line import make

DOCKER_MISSING = "Docker isn't installed there"

_TIMEOUT = 30  # seconds for ssh and what it asks, whatever answers at the other end


def why_unreachable(docker_host: str, stack: str) -> str:
    """The reason, for a host of a stack that `engine.reachable` said no of."""
    if docker_host.startswith("unix://"):
        return _of_a_socket(docker_host, docker_host.removeprefix("unix://"), stack)
    return _of_ssh(docker_host)


def _of_a_socket(docker_host: str, path: str, stack: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
    except PermissionError:
        return (
            f"{docker_host}: you may not use it; type `sudo usermod -aG docker $USER`, log in "
            "again, then type the same again"
        )
    except OSError:
        pass  # not there, or nobody listens
    up = make(stack, "up")
    return f"{docker_host}: no Docker engine answers; `{up}` starts it where it is installed"


def _of_ssh(docker_host: str) -> str:
    # BatchMode: nobody is asked, as with the Docker client's own connections.
    argv = ["ssh", *ssh_options(), "-o", "BatchMode=yes", "--", docker_host,
            "docker version --format '{{.Server.Version}}'"]  # fmt: skip
    try:
        done = subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return f"{docker_host}: it accepts a connection but doesn't answer for {_TIMEOUT} s"
    said = done.stderr.strip()
    last = said.splitlines()[-1] if said else f"exit code {done.returncode}"
    target = docker_host.removeprefix("ssh://")
    login, _, port = target.partition(":")
    by_hand = f"ssh {f'-p {port} ' if port else ''}{login}"
    if done.returncode == 255:  # ssh's own
        return f"{docker_host}: {_of_the_connection(said, last, by_hand, login, port)}"
    if done.returncode == 127 or re.search(r"docker: (command )?not found", said):
        return (
            f"{docker_host}: {DOCKER_MISSING}; put `docker` among the steps of homeport:prepare, "
            f"or install it by hand (`{by_hand}`)"
        )
    if "permission denied" in said.lower():
        return (
            f"{docker_host}: this user may not use Docker; on the host, type "
            f"`sudo usermod -aG docker {login.partition('@')[0]}`"
        )
    return (
        f"{docker_host}: Docker is installed there and doesn't answer ({last}); on the host, "
        "type `sudo systemctl start docker`"
    )


def _of_the_connection(said: str, last: str, by_hand: str, login: str, port: str) -> str:
    name = login.rpartition("@")[2]
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        known_as = f"[{name}]:{port}" if port else name
        return (
            "its host key differs from the known one, so it may be another machine; "
            f"if it was reinstalled, type `ssh-keygen -R '{known_as}'` and connect by hand once "
            f"(`{by_hand}`)"
        )
    if "Host key verification failed" in said:
        return (
            f"its host key isn't known here; connect by hand once (`{by_hand}`) and compare the "
            "fingerprint with the one that the host's owner gives"
        )
    if "Permission denied" in said:
        return (
            f"it refuses every key that ssh offers ({last.partition(': ')[2] or last}); add this "
            f"machine's public key there (`ssh-copy-id {login}`), or name the right one in "
            "~/.ssh/config"
        )
    return (
        f"it can't be reached ({last.removeprefix('ssh: ')}); is the name right, is the host up, "
        "does its firewall let SSH through?"
    )
