"""setup/docker: a daemon that answers. As root each test has a /run, /usr/sbin and process tree of
its own, so that the machine's real daemon is neither seen nor touched.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from tests.unit.setup.machine import Machine, needs_root

HOST = "unix:///var/run/docker.sock"
# A daemon that refuses to start where a pid file lies, and answers half a second after its start.
DOCKERD = f"""
[[ ! -e /run/docker.pid && ! -e /run/docker/containerd/containerd.pid ]] || exit 1
[[ ! -e /run/containerd/containerd.sock ]] || exit 1
sleep 0.5
exec {sys.executable} -c '
import http.server, socketserver
class Ping(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/_ping" else 404)
        self.end_headers()
    def address_string(self):
        return "-"
socketserver.UnixStreamServer("/run/docker.sock", Ping).serve_forever()
'
"""
# Nothing of the machine's own daemon is left in these namespaces, which end with their shell.
ALONE = "for folder in /run /usr/sbin /var/log; do mount -t tmpfs none $folder; done"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    set_host(machine, HOST)
    (machine.root / ".venv/bin").mkdir(parents=True)
    (machine.root / ".venv/bin/python").symlink_to(sys.executable)
    return machine


def set_host(machine: Machine, host: str) -> None:
    machine.write("Pulumi.local.yaml", f"config:\n  homeport:docker_host: {host}\n")


def run_alone(
    machine: Machine, before: str = "true", command: str = "setup/docker local", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run it as root on a machine without Docker, after the commands in `before`."""
    for name in ("mount", "chown", "setpriv"):
        (machine.programs / name).symlink_to(f"/usr/bin/{name}")
    script = f"{ALONE} && {before}\n{command}"
    unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return machine.run(f"/usr/bin/{unshare[0]}", *unshare[1:], "bash", "-c", script, **env)


class Ping(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def address_string(self) -> str:
        return "-"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Path]:
    socket = tmp_path / "docker.sock"
    server = UnixStreamServer(str(socket), Ping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield socket
    server.shutdown()
    server.server_close()


def test_a_daemon_that_answers_is_left_alone(machine: Machine, daemon: Path) -> None:
    set_host(machine, f"unix://{daemon}")
    done = machine.run("setup/docker", "local")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls() == []


@pytest.mark.parametrize("host", ["ssh://root@server.example.org", "'ssh://root@[::1]:22'"])
def test_another_machine_is_never_prepared(machine: Machine, host: str) -> None:
    set_host(machine, host)
    done = machine.run("setup/docker", "local")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stack_without_a_file_gives_one_sentence(machine: Machine) -> None:
    done = machine.run("setup/docker", "prdo")
    assert done.returncode == 1
    assert done.stderr == "No stack is called prdo: there is no Pulumi.prdo.yaml.\n"


def test_a_socket_elsewhere_is_the_persons_to_start(machine: Machine, tmp_path: Path) -> None:
    machine.has("docker")
    machine.has("dockerd")
    set_host(machine, f"unix://{tmp_path}/none.sock")
    done = machine.run("setup/docker", "local")
    assert done.returncode == 1
    assert done.stderr == (
        f"No Docker daemon answers at unix://{tmp_path}/none.sock: start it, or change "
        "homeport:docker_host in Pulumi.local.yaml.\n"
    )
    assert machine.calls() == []


@needs_root
def test_one_that_is_installed_is_started(machine: Machine) -> None:
    machine.has("dockerd", DOCKERD)
    machine.has("docker")
    done = run_alone(machine)
    assert done.returncode == 0
    assert done.stderr.startswith("Starting the Docker daemon…\nStarting the Docker daemon: done")
    assert machine.calls() == ["dockerd "]


@needs_root
def test_one_that_ends_at_once_is_not_waited_for(machine: Machine) -> None:
    machine.has("dockerd", "exit 1")
    done = run_alone(machine)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "The Docker daemon has ended or does not answer: read /var/log/dockerd.log or its journal."
    ]


@needs_root
def test_it_is_started_over_stale_files(machine: Machine) -> None:
    """The number in one is nobody's, in the other a process that is no containerd."""
    machine.has("dockerd", DOCKERD)
    done = run_alone(
        machine,
        "mkdir -p /run/docker/containerd /run/containerd && echo 99999 >/run/docker.pid &&"
        "echo $$ >/run/docker/containerd/containerd.pid && touch /run/containerd/containerd.sock",
    )
    assert done.returncode == 0


@needs_root
def test_the_pid_file_of_a_daemon_that_runs_is_kept(machine: Machine) -> None:
    machine.has("dockerd", DOCKERD)
    running = "cp -L $(command -v sleep) /run/dockerd && { /run/dockerd 60 & }"
    done = run_alone(
        machine,
        f"{running} && echo $! >/run/docker.pid",
        "timeout 1 setup/docker local; [[ -e /run/docker.pid ]]",
    )
    assert done.returncode == 0


@needs_root
def test_systemd_starts_it_where_it_runs(machine: Machine) -> None:
    machine.has("dockerd", DOCKERD)
    machine.has("systemctl", "dockerd &")
    done = run_alone(machine, "mkdir -p /run/systemd/system")
    assert done.returncode == 0
    assert machine.calls()[0] == "systemctl start docker"


@needs_root
def test_root_on_debian_gets_it_by_apt(machine: Machine) -> None:
    machine.has("docker")
    machine.has("dockerd", DOCKERD, machine.root.parent / "debian")
    dockerd = machine.root.parent / "debian/dockerd"
    machine.has("apt-get", f"[[ $1 != install ]] || cp {dockerd} /usr/sbin/")
    done = run_alone(machine)
    assert done.returncode == 0
    assert "Installing docker.io and iptables with apt (INSTALL_DOCKER=0 would not)…" in done.stderr
    calls = machine.calls()
    assert calls[0] == "apt-get update -qq"
    assert calls[1].endswith(" docker.io iptables")


@needs_root
@pytest.mark.parametrize("has_apt", [True, False])
def test_where_nothing_may_be_installed_it_says_what_to_type(
    machine: Machine, has_apt: bool
) -> None:
    if has_apt:
        machine.has("apt-get")
    done = run_alone(machine, INSTALL_DOCKER="0" if has_apt else "1")
    assert done.returncode == 1
    assert done.stderr == (
        "No Docker daemon is installed: type `sudo apt-get install docker.io iptables` "
        "(docs.docker.com has other ways), or change homeport:docker_host in Pulumi.local.yaml.\n"
    )
    assert machine.calls() == []


# In a place that an unprivileged person can reach, which pytest's own folders aren't.
REACHABLE = "chmod 755 {0} && mount --bind {0} /mnt && cd /mnt/checkout"
AS_NOBODY = (
    "PATH=/mnt/programs setpriv --reuid=65534 --regid=65534 --clear-groups setup/docker local"
)


def run_as_nobody(machine: Machine, before: str) -> subprocess.CompletedProcess[str]:
    machine.has("dockerd")
    reachable = REACHABLE.format(machine.root.parent)
    return run_alone(machine, f"{reachable} && {before}", AS_NOBODY)


@needs_root
@pytest.mark.parametrize(
    ("before", "type_this"),
    [("mkdir -p /run/systemd/system", "sudo systemctl start docker"), ("true", "sudo dockerd &")],
)
def test_without_root_it_says_how_to_start_it(
    machine: Machine, before: str, type_this: str
) -> None:
    done = run_as_nobody(machine, before)
    assert done.returncode == 1
    assert done.stderr == (
        f"Docker is installed but its daemon does not run: type `{type_this}`.\n"
    )
    assert machine.calls() == []


@needs_root
def test_without_the_group_it_says_how_to_join(machine: Machine) -> None:
    listen = "import socket; socket.socket(socket.AF_UNIX).bind('/run/docker.sock')"
    done = run_as_nobody(machine, f'{sys.executable} -c "{listen}" && chmod 660 /run/docker.sock')
    assert done.returncode == 1
    assert done.stderr == (
        "You may not use /var/run/docker.sock: type `sudo usermod -aG docker nobody`, "
        "log in again, then type the same again.\n"
    )
