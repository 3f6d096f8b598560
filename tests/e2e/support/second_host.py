"""A second Docker host on this machine, reached over SSH as a rented one is.

`sshd` and `dockerd` run in a network, a process tree, a mount table and a `/run` of their own
(Linux namespaces): all but a kernel of its own. When its first process dies, the kernel ends
every other one, containers included, and drops its mounts. So switching off is a real one, and
no process outlives a test run, even a run that was killed.

There is no route out. A veth pair joins the host to this machine and to nothing else, so what
runs on it contacts nothing outside. The iptables rules of this machine are left alone.

Folder, veth and cgroup of one host carry the same name, `e2e-host-<n>`. Its owner holds a lock
on the folder; one that is found unlocked was left by a run that was killed, and is removed.
To look inside while a test waits: `nsenter --all --target <pid of its dockerd>`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import docker

from .waiting import wait_until

# One place on the machine, because two runs have to see each other's hosts; one that only root
# may write, because the next run believes what it finds there; and on a disk, for the images.
_BASE = Path("/var/lib")
_NAME = "e2e-host-"
_CGROUPS = Path("/sys/fs/cgroup")


def requires_root() -> str:
    """Why there can be no second host or island here, for `pytest.skip`; "" where there can."""
    if os.geteuid() == 0:
        return ""
    return "this needs a network namespace of its own, which only root can make"


class SecondHost:
    """A Docker host at an address of its own, for as long as the `with` block lasts.

    Enter it in the main thread: the host ends with the thread that started it.
    """

    address: str
    """Its IP address, where its published ports answer too."""
    neighbour: str
    """This machine's address, as the host sees it."""
    docker_host: str
    """`ssh://root@<address>`, for a stack's configuration; needs `environment()`."""
    docker: str
    """`unix://…`, the same daemon's socket, to look at it without SSH."""

    def __init__(self, *, disk_mib: int | None = None) -> None:
        """`disk_mib`: its Docker gets a disk of that size, instead of this machine's."""
        self._disk_mib = disk_mib

    def __enter__(self) -> Self:
        with _locked(_BASE):
            _sweep()
            self._folder, self._lock = _claim()
        network = _network(self._folder)
        self.address, self.neighbour = f"{network}.2", f"{network}.1"
        self.docker_host = f"ssh://root@{self.address}"
        self.docker = f"unix://{self._folder}/docker.sock"
        self._machine: subprocess.Popen[bytes] | None = None
        try:
            self._write_files()
            # While the host is off, its address is unreachable, and never a stranger's.
            _run("ip", "route", "add", *_unreachable(self._folder))
            self.start_daemon()
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
        self.stop_everything()
        _erase(self._folder)
        os.close(self._lock)

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """`base` with an `ssh` first on PATH that knows the way.

        It uses the test's own key, and trusts no other host key than the host's own.
        """
        return {**base, "PATH": f"{self._folder}/bin:{base['PATH']}"}

    def pulls_from(self, registry: str) -> None:
        """Have its Docker take a registry at `address:port` for a mirror of Docker Hub's."""
        file = self._folder / "daemon.json"
        at = {"registry-mirrors": [f"http://{registry}"], "insecure-registries": [registry]}
        file.write_text(json.dumps(json.loads(file.read_text()) | at))
        self.stop_everything()
        self.start_daemon()

    def load_image(self, ref: str) -> None:
        """Carry an image over from this machine's daemon, as a registry isn't in reach."""
        carry_image(ref, self.docker)

    def stop_everything(self) -> None:
        """Pull the plug: no process, mount or network of the host is left; its disk is."""
        if self._machine is None:
            return
        # `unshare` waits for its child, the host's first process, which the kernel only lets
        # go when all the others are dead.
        os.kill(_only_child(self._machine) or self._machine.pid, signal.SIGKILL)
        self._machine.wait()
        self._machine = None
        _tidy(self._folder.name)

    def start_daemon(self) -> None:
        """Switch the host on, and wait until its Docker answers over SSH."""
        with (self._folder / "log").open("ab") as log:
            self._machine = machine = subprocess.Popen(
                [*ends_with_us("--net", "--mount"), "sh", "-eu", str(self._folder / "boot")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                start_new_session=True,  # Ctrl-C is for the tests, which then tear it down
            )
        wait_until(lambda: _only_child(machine), "the host's first process runs", seconds=10)
        veth, inside = self._folder.name, str(_only_child(machine))
        _run("ip", "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", inside)
        _run("ip", "address", "add", f"{self.neighbour}/30", "dev", veth)
        _run("ip", "link", "set", veth, "up")
        assert machine.stdin is not None
        machine.stdin.close()  # the boot script waits for this
        try:
            wait_until(self._answers, "the second host's Docker answers over SSH")
        except TimeoutError as error:
            log_end = (self._folder / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the second host doesn't start; its log:\n{log_end}") from error

    def _answers(self) -> bool:
        # Without sharing a connection: the first one belongs to the test.
        ssh = (self._folder / "bin" / "ssh", "-o", "ControlPath=none", f"root@{self.address}")
        return bool(_run(*ssh, "docker", "version", "--format", "{{.Server.Version}}"))

    def _write_files(self) -> None:
        folder = self._folder
        for key in ("host_key", "key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", folder / key)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        (folder / "passwd").write_text(Path("/etc/passwd").read_text() + _LOGINS)
        host_key = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"{self.address} {host_key}")
        (folder / "shadow").write_text("root:*:1:0:99999:7:::\n")
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder, socket=self.docker))
        (folder / "ssh_config").write_text(_SSH_CONFIG.format(folder=folder))
        (folder / "boot").write_text(_BOOT.format(folder=folder, address=self.address))
        (folder / "daemon.json").write_text(
            json.dumps(
                {
                    "hosts": [self.docker],
                    "data-root": str(folder / "data"),
                    "exec-root": "/run/docker",
                    "pidfile": "/run/docker.pid",
                    # Both daemons share one tree of cgroups; this part of it is removed here.
                    "cgroup-parent": f"/{folder.name}",
                    "exec-opts": ["native.cgroupdriver=cgroupfs"],
                    "log-level": "warn",
                }
            )
        )
        (folder / "etc-docker").mkdir()
        if self._disk_mib:
            _run("truncate", f"--size={self._disk_mib}M", folder / "disk")
            _run("mkfs.ext4", "-q", "-m", "0", folder / "disk")
        ssh = folder / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)


def carry_image(ref: str, socket: str) -> None:
    """Have the daemon at `socket` get an image of this machine's."""
    with (
        contextlib.closing(docker.from_env()) as here,
        contextlib.closing(docker.DockerClient(socket)) as there,
    ):
        stream = here.images.get(ref).save(named=ref)
        there.images.load(cast("bytes", stream))  # the SDK takes an iterator just as well


# Whom the host lets in beside root. Docker's socket is in a folder that only root may enter.
GUEST = "guest"
"""May log in, and may not use Docker."""
BARE = "bare"
"""Finds no Docker on the host."""
_LOGINS = f"{GUEST}:x:4001:4001::/:/bin/sh\n{BARE}:x:4002:4002::/:/bin/sh\n"


def ends_with_us(*namespaces: str) -> tuple[str, ...]:
    """The beginning of a command line, whose processes end with the thread that starts it.

    They run in a process tree of their own, and in more `namespaces`.
    """
    # `setpriv`, so that a test run that is killed takes them along.
    own = ("unshare", *namespaces, "--pid", "--fork", "--kill-child", "--mount-proc")
    return ("setpriv", "--pdeathsig", "KILL", *own)


# The empty /run hides this machine's Docker and containerd: the second daemon brings a
# containerd of its own, and a login that went astray would find no daemon. In /etc/docker an
# older Docker keeps the id that tells one machine from another. The entry in /etc/shadow is
# because sshd refuses root where its account is locked, as on many desktops.
_BOOT = """\
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
cp {folder}/authorized_keys /run/sshd
mount --bind {folder}/shadow /etc/shadow
mount --bind {folder}/passwd /etc/passwd
[ ! -d /etc/docker ] || mount --bind {folder}/etc-docker /etc/docker
mkdir -p {folder}/data
[ ! -e {folder}/disk ] || mount -o loop {folder}/disk {folder}/data
read -r _ || true  # until the network is connected
ip link set lo up
ip address add {address}/30 dev eth0
ip link set eth0 up
$(command -v sshd) -D -e -f {folder}/sshd_config &
dockerd --config-file {folder}/daemon.json &
wait
"""

# Limits are left as every host has them, ten sessions to a connection for one.
_SSHD_CONFIG = """\
HostKey {folder}/host_key
AuthorizedKeysFile /run/sshd/authorized_keys
SetEnv DOCKER_HOST={socket}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
Match User bare
  SetEnv PATH=/nowhere
"""

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
  ServerAliveInterval 5
  ControlMaster auto
  ControlPath {folder}/master-%C
  ControlPersist 60
"""


def _only_child(process: subprocess.Popen[bytes]) -> int:
    """The process id of its child, 0 while there is none."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() or 0)


def sweep_hosts() -> None:
    """Remove the hosts of test runs that were killed."""
    with _locked(_BASE):
        _sweep()


def _sweep() -> None:
    for folder in _BASE.glob(f"{_NAME}*"):
        with contextlib.suppress(BlockingIOError), _locked(folder, fcntl.LOCK_NB):
            _erase(folder)


def _claim() -> tuple[Path, int]:
    """A folder that no other host has, and the lock on it."""
    for step in range(256):
        folder = _BASE / f"{_NAME}{(os.getpid() + step) % 256}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            return folder, lock
    raise RuntimeError(f"all 256 names of second hosts are taken; look at {_BASE}/{_NAME}*")


def _network(folder: Path) -> str:
    """The first three numbers of a host's network; Docker's own never start with 10."""
    return f"10.213.{folder.name.removeprefix(_NAME)}"


def _unreachable(folder: Path) -> tuple[str, ...]:
    """A route that only counts while the one of the veth is gone."""
    return "unreachable", f"{_network(folder)}.0/30", "metric", "1000"


def _erase(folder: Path) -> None:
    """Remove what is left of a host that is switched off."""
    for attempt in (
        ("ssh", "-F", folder / "ssh_config", "-O", "exit", f"root@{_network(folder)}.2"),
        ("ip", "route", "delete", *_unreachable(folder)),
    ):
        with contextlib.suppress(RuntimeError):  # it wasn't there
            _run(*attempt)
    _tidy(folder.name)
    shutil.rmtree(folder)


def _tidy(name: str) -> None:
    """Remove what the kernel leaves of a host whose processes it has ended, or soon will."""
    with contextlib.suppress(RuntimeError):
        _run("ip", "link", "delete", name)  # would go by itself, but later

    def no_cgroups() -> bool:
        for top in [*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}")]:
            for folder in [*sorted(top.glob("**/*/"), reverse=True), top]:
                folder.rmdir()  # fails while a process is in it
        return True

    wait_until(no_cgroups, f"the cgroups {name} are empty", seconds=20)


@contextlib.contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout
