"""When sites are run: the whole service as a process of its own, asked over loopback."""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.images.publisher.support import ASKPASS, Box, Remote, Server, entry, silent_server

HOST, PATH, SECRET = "www.example.org", "/push", "planted-secret"
HOOKS = [{"host": HOST, "path": PATH}]
START = """
import sys
from pathlib import Path
from publisher import scheduler
from publisher.__main__ import main
from publisher.paths import Paths
assert scheduler._LOOK_SECONDS
scheduler._LOOK_SECONDS = 0.1  # changed files are seen sooner than where the publisher runs
root, askpass, port = sys.argv[1:]
paths = Paths(*(Path(root, part) for part in ("etc/publisher/current", "mirror/current", "state")),
              Path(askpass))
sys.exit(main(["serve"], paths, int(port)))
"""


def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it doesn't come about"
        time.sleep(0.05)


class Service:
    """`publisher serve`, on the folders of one box."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.log_file = box.root / "log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # One for all requests, as making one takes long. It lets no connection expire: httpcore may
        # close one that another thread has just been given.
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=30,
            limits=httpx.Limits(keepalive_expiry=None),
        )
        self.start()

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, self.box.root, ASKPASS, str(self.port)],
                cwd=ASKPASS.parent,
                env={"PATH": os.environ["PATH"]},
                stdout=log,
                stderr=log,
            )
        until(self.is_up)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """As a container ends: all of its processes at once."""
        processes = [psutil.Process(self.process.pid), *self.children()]
        for process in processes:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def push(self, remote: Remote, branch: str = "main", secret: str = SECRET) -> httpx.Response:
        said = {"ref": f"refs/heads/{branch}", "repository": {"clone_url": remote.url}}
        body = json.dumps(said).encode()
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Host": HOST,
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        return self.client.post(PATH, content=body, headers=headers)

    def metric(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                if sample.name == f"publisher_{name}" and labels.items() <= sample.labels.items():
                    return sample.value
        return None


@pytest.fixture
def start(box: Box) -> Iterator[Callable[[], Service]]:
    services: list[Service] = []

    def start() -> Service:
        services.append(Service(box))
        return services[-1]

    yield start
    for service in services:
        if service.process.poll() is None:
            service.kill()


def of(remote: Remote, **fields: Any) -> dict[str, Any]:
    return entry(url=remote.url, fetch=remote.url, webhooks=HOOKS, **fields)


def serves(box: Box, name: str, text: str) -> Callable[[], bool]:
    page = box.paths.site(name) / "current/index.html"
    return lambda: page.is_file() and page.read_text() == text


def test_at_the_start_all_is_published_and_then_at_the_interval(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    box.configure({"blog": of(remote, every=1), "slow": of(remote, every=900)})
    start()
    until(serves(box, "blog", "one"))
    until(serves(box, "slow", "one"))
    remote.push({"index.html": "two"})
    until(serves(box, "blog", "two"))
    assert serves(box, "slow", "one")()


def test_a_push_runs_its_sites_and_a_burst_is_one_run(
    box: Box, server: Server, remote: Remote, start: Callable[[], Service]
) -> None:
    box.configure({"blog": of(remote)}, {"webhooks/blog": SECRET})
    service = start()
    until(serves(box, "blog", "one"))
    remote.push({"index.html": "two"})
    server.requests.clear()
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: service.push(remote), range(200)))
    seconds = time.monotonic() - began
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, "blog\n")}
    until(serves(box, "blog", "two"))
    time.sleep(3)
    asked = [path for path in server.requests if path.endswith("service=git-upload-pack")]
    # A run that publishes asks twice: for the refs, then for the files. Were the machine so slow
    # that the burst takes longer than the service waits, one more run for each second is right.
    assert 2 <= len(asked) <= 2 + seconds
    assert service.log.count("blog: published ") == 2
    assert SECRET not in service.log


def test_a_site_comes_goes_and_changes_while_it_runs(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    remote.push({"index.html": "two", "sub/index.html": "sub"})
    box.configure({"blog": of(remote)})
    service = start()
    until(serves(box, "blog", "two"))
    box.configure({"blog": of(remote), "added": of(remote)})
    until(serves(box, "added", "two"))
    box.configure({"blog": of(remote, directory="sub")})
    until(serves(box, "blog", "sub"))
    until(lambda: not box.paths.repository("added").exists())
    assert serves(box, "added", "two")(), "its pages are data"
    assert 'site="added"' not in service.get("/metrics").text
    assert 'site="blog"' in service.get("/metrics").text
    box.configure({"blog": of(remote), "added": of(remote)})
    until(lambda: 'publisher_bytes{site="added"}' in service.get("/metrics").text)


def test_a_changed_secret_counts_without_a_restart(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    box.configure({"blog": of(remote)})
    service = start()
    until(serves(box, "blog", "one"))
    assert service.push(remote).status_code == 404
    box.configure({"blog": of(remote)}, {"webhooks/blog": SECRET})
    assert service.push(remote).status_code == 202
    box.configure({"blog": of(remote)}, {"webhooks/blog": "another"})
    assert service.push(remote).status_code == 403


def test_an_unreadable_file_leaves_all_as_it_was(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    box.configure({"blog": of(remote, every=1)})
    service = start()
    until(serves(box, "blog", "one"))
    box.switch(box.etc, {"sources.json": "{"})
    until(lambda: "the previous sources stay in use: " in service.log)
    remote.push({"index.html": "two"})
    until(serves(box, "blog", "two"))
    assert service.is_up()


def test_failing_remotes_hold_nobody_back(
    box: Box, server: Server, remote: Remote, start: Callable[[], Service]
) -> None:
    with silent_server() as (silent, _):
        failing = {f"silent{number}": entry(url=silent, fetch=silent) for number in range(3)} | {
            "gone": entry(url="x", fetch=f"{server.url}/gone")
        }
        box.configure(failing | {"blog": of(remote)})
        service = start()
        until(serves(box, "blog", "one"), 15)
        until(lambda: service.metric("failures_total", site="gone"), 15)
        assert len([p for p in service.children() if p.name() == "git"]) <= 4
        assert "gone: x: the repository doesn't exist or isn't public (404)\n" in service.log
        assert service.metric("failures_total", site="blog") == 0
        assert service.metric("last_success_timestamp_seconds", site="gone") is None
        assert service.is_up()


def test_what_failed_is_tried_again_once_it_gets_what_it_lacks(
    box: Box, server: Server, remote: Remote, start: Callable[[], Service]
) -> None:
    server.token = "token"
    box.configure({"blog": of(remote)})
    service = start()
    until(lambda: service.metric("failures_total", site="blog"))
    box.configure({"blog": of(remote)}, {"credentials/blog.token": "token"})
    until(serves(box, "blog", "one"), 14)


def test_killed_in_mid_fetch_it_serves_the_old_and_then_publishes(
    box: Box, server: Server, remote: Remote, start: Callable[[], Service]
) -> None:
    box.configure({"blog": of(remote)}, {"webhooks/blog": SECRET})
    service = start()
    until(serves(box, "blog", "one"))
    remote.push({"index.html": "two"})
    server.stall = threading.Event()
    service.push(remote)
    assert server.stall.wait(30)
    time.sleep(0.2)
    assert (box.paths.repository("blog") / "unfinished").exists()
    service.kill()
    assert box.served() == {"index.html": "one"}
    server.stall = None
    service.start()
    until(serves(box, "blog", "two"), 14)
    assert service.metric("failures_total", site="blog") == 0


def test_sigterm_ends_it_and_its_git(box: Box, start: Callable[[], Service]) -> None:
    with silent_server() as (silent, connected):
        box.configure({"blog": entry(fetch=silent)})
        service = start()
        assert connected.wait(30)
        children = service.children()
        assert children
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
        _, alive = psutil.wait_procs(children, timeout=1)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
        assert service.log.splitlines() == ["following 1 sites"]


def test_metrics_tell_how_a_site_goes(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    commit = remote.head
    box.configure({"blog": of(remote)}, {"webhooks/blog": SECRET})
    began = time.time()
    service = start()
    until(lambda: service.metric("bytes", site="blog"))
    until(lambda: service.metric("last_success_timestamp_seconds", site="blog"))
    assert service.metric("bytes", site="blog") == 3
    assert service.metric("commit_info", site="blog", commit=commit) == 1
    assert service.metric("failures_total", site="blog") == 0
    assert (service.metric("last_success_timestamp_seconds", site="blog") or 0) >= began
    assert (service.metric("last_attempt_timestamp_seconds", site="blog") or 0) >= began
    assert (service.metric("duration_seconds", site="blog") or 0) > 0
    second = remote.push({"index.html": "two!"})
    service.push(remote)
    until(lambda: service.metric("commit_info", site="blog", commit=second))
    assert service.metric("commit_info", site="blog", commit=commit) is None


def test_it_starts_before_its_files_are_there(
    box: Box, remote: Remote, start: Callable[[], Service]
) -> None:
    service = start()
    until(lambda: "sources.json can't be read" in service.log)
    box.configure({"blog": of(remote)})
    until(serves(box, "blog", "one"))


def test_other_arguments_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "publisher"],
        cwd=Path(ASKPASS).parent,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "usage: python3 -m publisher serve | check FILE\n",
    )
