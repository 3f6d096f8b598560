"""Private repositories: tokens and keys reach git by file, and nobody else."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from publisher.git import RefusedError

from tests.unit.images.publisher.support import Box, Remote, Server, silent_server

TOKEN = "planted-token-0123456789"


@contextmanager
def watched() -> Iterator[list[str]]:
    """Every command line and environment that a child of this process has meanwhile."""
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not done.is_set():
            for child in me.children(recursive=True):
                try:
                    seen.extend([*child.cmdline(), *child.environ().values()])
                except psutil.Error:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    done.set()
    thread.join()


def test_a_token_opens_a_private_repository_and_shows_nowhere(
    box: Box, server: Server, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.token = TOKEN
    box.configure({}, {"credentials/blog.token": TOKEN})
    with watched() as seen:
        box.publish(fetch=remote.url)
        time.sleep(0.2)
    assert box.served() == {"index.html": "one"}
    assert any("ls-remote" in words or "fetch" in words for words in seen), "it watches"
    assert not [words for words in seen if TOKEN in words]
    assert TOKEN not in caplog.text
    for file in box.paths.state.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


@pytest.mark.parametrize("token", [None, "wrong-token"])
def test_without_the_right_token_it_says_so(
    box: Box, server: Server, remote: Remote, token: str | None
) -> None:
    server.token = TOKEN
    box.configure({}, {"credentials/blog.token": token} if token else {})
    with pytest.raises(RefusedError) as refused:
        box.publish(fetch=remote.url)
    assert (
        str(refused.value)
        == "the repository doesn't exist, isn't public, or the server refuses the token"
    )


def test_another_site_s_token_is_never_sent(box: Box, server: Server, remote: Remote) -> None:
    server.token = TOKEN
    box.configure({}, {"credentials/other.token": TOKEN})
    with pytest.raises(RefusedError):
        box.publish(fetch=remote.url)
    assert set(server.authorizations) == {None}


def test_a_redirect_doesn_t_carry_the_token_to_another_server(
    box: Box, tmp_path: Path, server: Server, remote: Remote
) -> None:
    server.token = TOKEN
    box.configure({}, {"credentials/blog.token": TOKEN})
    with Server(tmp_path / "thief") as thief:
        thief.token = "anything"
        server.redirect = thief.url
        with pytest.raises(RefusedError):
            box.publish(fetch=remote.url)
        assert thief.requests, "the redirect is followed"
        assert set(thief.authorizations) == {None}


SSHD = shutil.which("sshd")


class Ssh:
    """An sshd on loopback, and the keys of a person whom it lets in and of somebody else."""

    def __init__(self, folder: Path, sshd: str) -> None:
        folder.mkdir(mode=0o700)
        for name in ("host", "person", "other"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
            )
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = folder / "config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/person.pub\nPidFile none\nStrictModes no\n"
            "PasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen([sshd, "-D", "-f", config], stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise TimeoutError("sshd doesn't listen")

    def known_host(self, key: str) -> str:
        kind, text = (self.folder / f"{key}.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {text}\n"

    def key(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Ssh]:
    if os.geteuid() or not SSHD:
        pytest.skip("an sshd of one's own needs root")
    ssh = Ssh(tmp_path / "ssh", SSHD)
    yield ssh
    ssh.process.terminate()
    ssh.process.wait()


def test_a_key_opens_a_repository_whose_host_is_known(box: Box, remote: Remote, ssh: Ssh) -> None:
    box.configure(
        {}, {"credentials/blog.key": ssh.key("person"), "known_hosts": ssh.known_host("host")}
    )
    box.publish(fetch=f"ssh://root@127.0.0.1:{ssh.port}{remote.folder}")
    assert box.served() == {"index.html": "one"}


UNKNOWN_HOST = "the server's host key isn't in sources.known_hosts"
REFUSED_KEY = "the server refuses the site's key, or the site has none"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"credentials/blog.key": "person", "known_hosts": "other"}, UNKNOWN_HOST),
        ({"credentials/blog.key": "person"}, UNKNOWN_HOST),
        ({"credentials/blog.key": "other", "known_hosts": "host"}, REFUSED_KEY),
        ({"known_hosts": "host"}, REFUSED_KEY),
    ],
)
def test_a_wrong_key_and_an_unknown_host_are_refused(
    box: Box, remote: Remote, ssh: Ssh, files: dict[str, str], problem: str
) -> None:
    texts = {"credentials/blog.key": ssh.key, "known_hosts": ssh.known_host}
    box.configure({}, {name: texts[name](key) for name, key in files.items()})
    with pytest.raises(RefusedError) as refused:
        box.publish(fetch=f"ssh://root@127.0.0.1:{ssh.port}{remote.folder}")
    assert str(refused.value) == problem


def test_a_silent_ssh_server_is_given_up(box: Box) -> None:
    with silent_server() as (url, _), pytest.raises(RefusedError, match="doesn't answer"):
        box.publish(fetch=url.replace("http://", "ssh://git@"), silence=1)
