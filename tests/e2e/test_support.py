"""The helpers themselves: each one notices what it is there to notice."""

import base64
import contextlib
import http.server
import io
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

from host import ssh_transport
from tests.e2e.support import clean, client, containers
from tests.e2e.support.island import on_island
from tests.e2e.support.load import Load
from tests.e2e.support.path_shims import PathShims
from tests.e2e.support.second_host import SecondHost, requires_root, sweep_hosts
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
IMAGE = yaml.safe_load((ROOT / "config" / "images.yaml").read_text())["gateway"]
STACK = f"test/{clean.stack_name('support')}"
LABELS = {containers.STACK: STACK, containers.COMPONENT: "page"}
MARKER = "marker-of-the-page"
SECRET = "planted-0123456789"
CADDYFILE = f"""
{{
    admin off
    skip_install_trust
    local_certs
    auto_https disable_redirects
    servers :8444 {{
        protocols h1
    }}
}}
https://page.test:8443, https://page.test:8444 {{
    respond "{MARKER}"
}}
"""

needs_root = pytest.mark.skipif(bool(requires_root()), reason=requires_root())


# A page to ask ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.from_env()) as engine:
        yield engine


@pytest.fixture(scope="module")
def page(engine: docker.DockerClient) -> Iterator[Container]:
    """Caddy with one page, behind an init process as every service has."""
    try:
        volume = engine.volumes.create(f"{clean.stack_name('support')}-data", labels=LABELS)
        network = engine.networks.create(clean.stack_name("support"), labels=LABELS)
        script = 'printf %s "$CADDYFILE" >/tmp/Caddyfile && exec caddy run --config /tmp/Caddyfile'
        yield engine.containers.run(
            IMAGE,
            entrypoint=["sh", "-c", script],
            environment={"CADDYFILE": CADDYFILE},
            labels=LABELS,
            network=network.name or "",
            ports=dict.fromkeys(("8443/tcp", "8443/udp", "8444/tcp"), ("127.0.0.1", 0)),
            volumes={volume.name: {"bind": "/data"}},
            healthcheck={"test": ["CMD", "true"], "interval": 1_000_000_000},
            init=True,
            restart_policy={"Name": "always"},
            detach=True,
        )
    finally:
        containers.remove_all(engine, STACK)
        assert containers.leftovers(engine, STACK) == []


@pytest.fixture(scope="module")
def ca(page: Container, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "root.crt"

    def fetched() -> bool:
        chunks, _ = page.get_archive("/data/caddy/pki/authorities/local/root.crt")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            content = tar.extractfile("root.crt")
            assert content
            file.write_bytes(content.read())
        return client.refusal("page.test", address=address(page, "8443/tcp")) == ""

    wait_until(fetched, "Caddy has made its certificates")
    return file


def address(container: Container, port: str) -> client.Address:
    container.reload()
    published = container.ports[port]
    assert published
    return "127.0.0.1", int(published[0]["HostPort"])


# client ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "port"), [("1.1", "tcp"), ("2", "tcp"), ("3", "udp")])
def test_a_visitor_speaks_the_version_it_was_told_and_believes_one_ca(
    version: client.Http, port: str, page: Container, ca: Path, other_ca: Path
) -> None:
    there = address(page, f"8443/{port}")
    answer = client.serves("https://page.test/x", MARKER, address=there, ca=ca, http=version)
    assert answer.http == f"HTTP/{version}"
    assert answer.headers["server"] == "Caddy"
    with pytest.raises((httpx.ConnectError, ConnectionError), match="certificate"):
        client.get("https://page.test/", address=there, ca=other_ca, http=version)


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other-ca")
    files = ("-keyout", str(folder / "key"), "-out", str(folder / "crt"))
    output("openssl", "req", "-x509", "-newkey", "rsa", "-nodes", "-subj", "/CN=other", *files)
    return folder / "crt"


def test_a_visitor_never_makes_do_with_another_version(page: Container, ca: Path) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("https://page.test/", address=address(page, "8444/tcp"), ca=ca, http="2")


def test_a_visitor_never_asks_without_a_ca() -> None:
    with pytest.raises(ValueError, match="give the stack's CA"):
        client.get("https://page.test/", address=("127.0.0.1", 1))


def test_a_page_without_its_marker_is_not_served(page: Container, ca: Path) -> None:
    with pytest.raises(AssertionError, match="expected 200 with 'another page', got 200"):
        client.serves(
            "https://page.test/", "another page", address=address(page, "8443/tcp"), ca=ca
        )


def test_only_an_alert_is_a_refusal(page: Container, ca: Path) -> None:
    there = address(page, "8443/tcp")
    assert client.refusal("page.test", address=there) == ""
    assert "ALERT" in client.refusal("stranger.test", address=there)
    assert "ALERT" in client.refusal(None, address=there)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()
    with pytest.raises(ConnectionRefusedError):
        client.refusal("page.test", address=nobody)
    with faulty_server("reset") as there, pytest.raises((ssl.SSLError, ConnectionError)):
        client.refusal("page.test", address=there)


# load ------------------------------------------------------------------------------------


class SmallLoad(Load):
    requests = 60
    seconds = 0.5
    patience = 0.3
    overtime = 2.0


Fault = Literal["", "status", "body", "slow", "dribble", "cut", "reset"]


class Server(http.server.ThreadingHTTPServer):
    fault: Fault
    hang_up: bool
    connections: int
    requests: int


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.requests += 1
        fault: Fault = self.server.fault if self.server.requests % 20 == 0 else ""
        time.sleep({"slow": 2, "dribble": 0.7}.get(fault, 0) * SmallLoad.patience)
        body = b"another page" if fault == "body" else MARKER.encode()
        self.send_response(503 if fault == "status" else 200)
        self.send_header("Content-Length", str(len(body) + (fault == "cut")))
        self.end_headers()
        time.sleep({"dribble": 0.7}.get(fault, 0) * SmallLoad.patience)
        self.wfile.write(body)
        self.close_connection = self.server.hang_up or fault == "cut"

    def handle_one_request(self) -> None:
        if self.server.fault == "reset":
            self.close_connection = True
        else:
            super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass


@contextlib.contextmanager
def server(fault: Fault = "", *, hang_up: bool = False) -> Iterator[Server]:
    """A page on loopback; every twentieth request meets the fault."""
    with Server(("127.0.0.1", 0), Handler) as page:
        page.fault, page.hang_up, page.connections, page.requests = fault, hang_up, 0, 0
        threading.Thread(target=page.serve_forever, args=(0.05,), daemon=True).start()
        yield page
        page.shutdown()


@contextlib.contextmanager
def faulty_server(fault: Fault) -> Iterator[client.Address]:
    with server(fault) as page:
        yield ("127.0.0.1", page.server_port)


def visits(page: Server, kind: type[Load] = SmallLoad) -> Load:
    there = ("127.0.0.1", page.server_port)
    return kind("http://page.test/", marker=MARKER, address=there)


def test_a_good_page_passes_with_half_of_the_requests_on_new_connections() -> None:
    with server() as page, visits(page) as load:
        time.sleep(0.8)
    load.check()
    assert load.lasted >= 0.8
    assert load.count == page.requests
    assert page.connections == pytest.approx(load.count / 2, rel=0.2)


def test_a_good_page_over_tls_passes(page: Container, ca: Path) -> None:
    there = address(page, "8443/tcp")
    with SmallLoad("https://page.test/", marker=MARKER, address=there, ca=ca) as load:
        pass
    load.check()


@pytest.mark.parametrize(
    ("fault", "described"),
    [
        ("status", "status 503"),
        ("body", "another body: b'another page'"),
        ("slow", "timed out"),
        ("dribble", r"took 0\.4"),
        ("cut", "IncompleteRead"),
        ("reset", "RemoteDisconnected|ConnectionReset"),
    ],
)
def test_every_kind_of_failed_request_counts(fault: Fault, described: str) -> None:
    with server(fault) as page, visits(page) as load:
        pass
    with pytest.raises(AssertionError, match=described):
        load.check()


def test_a_server_that_is_gone_fails_every_request() -> None:
    with server() as page:
        load = visits(page)
    with load:
        pass
    assert load.failed == load.count
    with pytest.raises(AssertionError, match="ConnectionRefusedError"):
        load.check()


def test_an_idle_connection_that_the_server_closes_is_no_failure() -> None:
    with server(hang_up=True) as page, visits(page) as load:
        pass
    load.check()
    assert page.connections >= load.count


def test_too_few_requests_are_no_verdict() -> None:
    class Impatient(SmallLoad):
        requests = 10_000
        overtime = 0.3

    with server() as page, visits(page, Impatient) as load:
        pass
    with pytest.raises(AssertionError, match="too few for a verdict"):
        load.check()


def test_a_load_that_ends_before_the_block_is_no_verdict() -> None:
    class Short(SmallLoad):
        longest = 0.6

    with server() as page, visits(page, Short) as load:
        time.sleep(0.8)
    with pytest.raises(AssertionError, match="ended before the block"):
        load.check()


def test_the_words_no_failed_request_mean_these_figures() -> None:
    assert (Load.requests, Load.seconds, Load.clients, Load.patience) == (2_000, 20.0, 8, 5.0)
    assert Load.pace * Load.seconds > Load.requests


# containers, clean -----------------------------------------------------------------------


def test_one_container_is_found_by_its_component(
    engine: docker.DockerClient, page: Container
) -> None:
    assert containers.ids(engine, STACK) == {page.id}
    assert containers.one(engine, STACK, "page").id == page.id
    with pytest.raises(AssertionError, match=r"has 0 of proxy; it has: page \(running\)"):
        containers.one(engine, STACK, "proxy")
    containers.wait_healthy(engine, STACK, "page")


def test_leftovers_are_named(engine: docker.DockerClient, page: Container) -> None:
    name = clean.stack_name("support")
    assert containers.leftovers(engine, STACK) == [
        f"container {page.name}",
        f"network {name}",
        f"volume {name}-data",
    ]


def test_signals_reach_the_service_behind_the_init_process(
    engine: docker.DockerClient, page: Container, ca: Path
) -> None:
    def state() -> str:
        script = "read -r service </proc/1/task/1/children || :; cat /proc/$service/status"
        return containers.run_in(page, script).partition("State:\t")[2][:1]

    service = containers.one(engine, STACK, "page")
    containers.signal_service(service, "STOP")
    assert state() == "T"
    containers.signal_service(service, "CONT")
    assert state() != "T"
    containers.signal_service(service, "KILL")

    def restarted() -> bool:
        page.reload()
        return page.attrs["RestartCount"] == 1 and page.status == "running"

    wait_until(restarted, "Docker has started it again")


def test_every_object_of_a_volume_has_its_digest(
    engine: docker.DockerClient, page: Container, ca: Path
) -> None:
    helpers = _of_this_run(engine)
    volume = f"{clean.stack_name('support')}-data"
    before = containers.volume_digests(engine, STACK)
    assert "caddy/pki/authorities/local/root.key" in before[volume]
    for change in ("echo x >/data/new", "chmod 600 /data/new", "ln -s a /data/link"):
        containers.run_in(page, change)
        after = containers.volume_digests(engine, STACK)
        assert after != before, change
        before = after
    assert containers.volume_digests(engine, STACK) == before
    assert _of_this_run(engine) == helpers


def test_a_sweep_removes_what_dead_runs_left_and_nothing_else(engine: docker.DockerClient) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone, alive, real = (
        f"test/e2e-{dead.pid}-sweep",
        f"e2e-project/{clean.stack_name('sweep')}",
        f"note2e-{dead.pid}/local",
    )
    try:
        for stack in (gone, alive, real):
            engine.networks.create(stack.replace("/", "-"), labels={containers.STACK: stack})
            engine.volumes.create(stack.replace("/", "-"), labels={containers.STACK: stack})
        clean.sweep(engine)
        assert containers.leftovers(engine, gone) == []
        assert len(containers.leftovers(engine, alive)) == 2
        assert len(containers.leftovers(engine, real)) == 2
    finally:
        for stack in (gone, alive, real):
            containers.remove_all(engine, stack)


# secrets_search --------------------------------------------------------------------------


def test_a_secret_on_a_command_line_is_found() -> None:
    with LeakSearch({"the key": SECRET}) as search:
        subprocess.run(["sh", "-c", "sleep 0.3; :", SECRET], check=True)
    assert search.found() == ["command line of sh: the key"]


def test_a_secret_is_found_wherever_it_stands_in_base64() -> None:
    with LeakSearch({"the key": SECRET}) as search:
        pass
    for before in range(4):
        for after in range(4):
            text = base64.b64encode(b"\xff" * before + SECRET.encode() + b"\xff" * after).decode()
            assert search.found(texts={"log": f"x{text}y"}) == ["log: the key"]


def test_a_secret_is_found_in_state_files_and_docker(
    engine: docker.DockerClient, page: Container, tmp_path: Path
) -> None:
    names = ("state", "file", "log", "inspect", "open", "closed", "shut")
    markers = {name: f"planted-{name}-0123456789" for name in names}
    (tmp_path / "file").write_text(markers["file"])
    leaking = engine.containers.run(
        IMAGE,
        entrypoint=["sh", "-c"],
        command=[
            f"echo {markers['log']}; umask 022; cd /v; echo {markers['open']} >open; "
            f"mkdir -m 700 dir; echo {markers['closed']} >dir/file; "
            f"echo {markers['shut']} >shut; chmod 600 shut"
        ],
        environment={"KEY": markers["inspect"]},
        labels=LABELS,
        volumes={f"{clean.stack_name('support')}-data": {"bind": "/v"}},
        network_mode="none",
        detach=True,
    )
    try:
        leaking.wait()
        with LeakSearch(markers) as search:
            pass
        hits = search.found(
            state=f'{{"x": "{markers["state"]}"}}', clients=[engine], stack=STACK, files=[tmp_path]
        )
        volume = f"{clean.stack_name('support')}-data"
        # The command holds them all, so `docker inspect` names each.
        expected = {
            "exported state: state",
            f"{tmp_path / 'file'}: file",
            f"docker logs {leaking.name}: log",
            f"volume {volume}, open: open",
            *(f"docker inspect {leaking.name}: {name}" for name in names[2:]),
        }
        assert set(hits) == expected
        with pytest.raises(AssertionError) as caught:
            search.assert_absent(
                state=markers["state"], texts={}, clients=[engine], stack=STACK, files=[]
            )
        assert "planted" not in str(caught.value)
    finally:
        leaking.remove(force=True)


def test_where_no_secret_is_none_is_found(
    engine: docker.DockerClient, page: Container, tmp_path: Path
) -> None:
    with LeakSearch({"the key": SECRET}) as search:
        time.sleep(0.1)
    search.assert_absent(
        state="{}", texts={"log": "quiet"}, clients=[engine], stack=STACK, files=[tmp_path]
    )


def test_a_search_that_can_find_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="marker 'the key'"):
        LeakSearch({"the key": "short"})
    with pytest.raises(RuntimeError, match="no command line was ever read"):
        LeakSearch({"the key": SECRET}).found()


# path_shims, island ----------------------------------------------------------------------


def test_what_builds_or_fetches_is_recorded_and_passed_on(tmp_path: Path) -> None:
    shims = PathShims(tmp_path)

    def call(*command: str) -> str:
        done = subprocess.run(
            command, env=shims.environment(), check=True, capture_output=True, text=True
        )
        return done.stdout

    assert "Server" in call("docker", "version")
    assert shims.calls() == []
    call("docker", "build", "--help")
    call("docker", "image", "pull", "--help")
    assert shims.calls() == ["docker build --help", "docker image pull --help"]
    call(sys.executable, "-m", "pip", "install", "--quiet", "pytest")
    assert any("pip" in line for line in shims.calls()[2:])
    if shutil.which("go"):
        assert "go version" in call("go", "version")
        assert "go version" in shims.calls()


@needs_root
def test_an_island_has_nothing_but_its_own_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        connect = f"""import socket
try:
    socket.create_connection(("192.0.2.1", 9), 1)
except OSError as error:
    print(error.strerror)
with socket.create_server(("127.0.0.1", 0)) as own:
    socket.create_connection(own.getsockname(), 1)
socket.create_connection({outside.getsockname()}, 1)
"""
        done = subprocess.run(
            on_island(sys.executable, "-c", connect), capture_output=True, text=True, check=False
        )
    assert done.stdout == "Network is unreachable\n"
    assert done.stderr.endswith("ConnectionRefusedError: [Errno 111] Connection refused\n")


# second_host -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host() -> Iterator[SecondHost]:
    with SecondHost() as host:
        host.load_image(IMAGE)
        yield host
    assert traces(host.address) == []


def traces(host_address: str) -> list[str]:
    """What this machine shows of the host at that address."""
    name = "e2e-host-" + host_address.split(".")[2]
    network = host_address.removesuffix(".2")
    return [
        *(str(path) for path in Path("/var/lib").glob(name)),
        *(str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{name}")),
        *(line for line in output("ip", "route").splitlines() if network in line),
        *(line for line in output("ip", "-brief", "link").splitlines() if f"{name}@" in line),
        *(line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line),
        *(line for line in output("ps", "-eo", "args").splitlines() if name in line),
    ]


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ssh(host: SecondHost, *command: str) -> str:
    done = subprocess.run(
        ["ssh", f"root@{host.address}", *command],
        env=host.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def serve(engine: docker.DockerClient, port: int, *, restart: bool = False) -> Container:
    return engine.containers.run(
        IMAGE,
        entrypoint=["caddy", "respond", "--listen", ":80", "--body", f"{MARKER} {port}"],
        ports={"80/tcp": port},
        restart_policy={"Name": "always"} if restart else None,
        init=True,
        detach=True,
    )


@needs_root
def test_the_second_host_is_reached_by_every_road(
    host: SecondHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in host.environment().items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(ssh_transport.client(host.docker_host, timeout=60)) as engine:
        container = serve(engine, 80)
        there = (host.address, 80)
        wait_until(lambda: client.serves("http://page/", MARKER, address=there), "it serves")
        with contextlib.closing(docker.DockerClient(host.docker)) as direct:
            assert direct.containers.get(container.id or "").id == container.id
        assert MARKER in ssh(host, "docker", "ps", "--no-trunc")
        assert MARKER in output("docker", "-H", host.docker_host, "ps", "--no-trunc")
        container.remove(force=True)


@needs_root
def test_the_second_host_is_an_island_of_its_own(host: SecondHost) -> None:
    assert ssh(host, "ip", "route", "show", "default") == ""
    assert f"Docker Root Dir: /var/lib/e2e-host-{host.address.split('.')[2]}/" in ssh(
        host, "docker", "info"
    )
    with contextlib.closing(docker.DockerClient(host.docker)) as engine:
        container = serve(engine, 47813)
        assert "47813" in ssh(host, "iptables-save")
        assert "47813" not in output("iptables-save")
        container.remove(force=True)


@needs_root
def test_a_host_key_that_is_not_known_is_not_trusted(host: SecondHost) -> None:
    # ControlPath: a connection that is shared already would ask for no key.
    done = subprocess.run(
        [
            "ssh",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "ControlPath=none",
            f"root@{host.address}",
            "true",
        ],
        env=host.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Host key verification failed" in done.stderr


@needs_root
def test_a_reboot_of_the_second_host_is_a_real_one(host: SecondHost) -> None:
    with contextlib.closing(docker.DockerClient(host.docker)) as engine:
        always, never = serve(engine, 80, restart=True), serve(engine, 81)
        for port in (80, 81):
            there = (host.address, port)
            wait_until(lambda there=there: client.get("http://page/", address=there), "it serves")  # type: ignore[misc]
        host.stop_everything()
        assert f"{MARKER} 8" not in output("ps", "-eo", "args")
        with pytest.raises(httpx.ConnectError):
            client.get("http://page/", address=(host.address, 80))
        host.start_daemon()
        there = (host.address, 80)
        wait_until(lambda: client.serves("http://page/", MARKER, address=there), "it is back")
        always.reload()
        never.reload()
        assert (always.status, never.status) == ("running", "exited")
        for container in (always, never):
            container.remove(force=True)


@needs_root
def test_a_test_run_that_is_killed_leaves_nothing_running_and_the_next_sweeps() -> None:
    script = f"""
import docker, time
from tests.e2e.support.second_host import SecondHost
with SecondHost() as host:
    host.load_image({IMAGE!r})
    docker.DockerClient(host.docker).containers.run(
        {IMAGE!r}, entrypoint=["sleep", "987"], detach=True)
    print(host.address, flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        host_address = run.stdout.readline().strip()
        assert "sleep 987" in output("ps", "-eo", "args")
        run.kill()
    wait_until(lambda: "sleep 987" not in output("ps", "-eo", "args"), "nothing runs", seconds=5)
    assert traces(host_address)
    sweep_hosts()
    assert traces(host_address) == []


@needs_root
def test_ctrl_c_takes_the_second_host_down() -> None:
    with pytest.raises(KeyboardInterrupt), SecondHost() as host:
        raise KeyboardInterrupt
    assert traces(host.address) == []


@needs_root
def test_a_sweep_leaves_a_second_host_that_is_in_use(host: SecondHost) -> None:
    sweep_hosts()
    assert ssh(host, "true") == ""


def test_waiting_has_an_end_and_tells_why() -> None:
    def broken() -> bool:
        raise OSError("no route")

    with pytest.raises(TimeoutError, match="still not: it works") as caught:
        wait_until(broken, "it works", seconds=0.2)
    assert isinstance(caught.value.__cause__, OSError)


def _of_this_run(engine: docker.DockerClient) -> list[Container]:
    return engine.containers.list(
        all=True, filters={"label": f"{containers.RUN}={os.getpid()}"}, ignore_removed=True
    )
