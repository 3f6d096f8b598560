"""How this machine reaches the gateway of a remote host."""

import os
import socket
import sys
from pathlib import Path

import pytest
import urllib3

from components import reach
from components.reach import open_door
from host.engine import EngineError
from values.entrance import Entrance

# It serves the ports that it shall forward, unless it is refused. Where somebody else has one of
# them, it takes a second to notice, as over a slow line.
_SSH = """\
#!{python}
import http.server, pathlib, sys, threading, time
runs = pathlib.Path({folder!r}) / "runs"
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
if {refused}:
    sys.exit("Permission denied (publickey).")
for word in [after for word, after in zip(sys.argv, sys.argv[1:]) if word == "-L"]:
    port = int(word.split(":")[1])
    try:
        server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    except OSError:
        time.sleep(1)
        sys.exit("bind: Address already in use")
    threading.Thread(target=server.serve_forever, daemon=True).start()
assert sys.argv[-1] == "echo ok; cat"
print("a shell that greets", "ok", sep="\\n", flush=True)
sys.stdin.read()
"""
_ENTRANCE = Entrance(
    docker_host="ssh://ada@example.org",
    stack="homeport/prod",
    address="192.0.2.7",
    http=80,
    https=443,
    internal_ca=False,
)


def fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool = False) -> None:
    ssh = folder / "ssh"
    ssh.write_text(_SSH.format(python=sys.executable, folder=str(folder), refused=refused))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_it_leads_to_the_gateway_and_ends_with_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch)
    with open_door(_ENTRANCE) as opened:
        assert opened.get("http://blog.example.org/").status == 200
    with pytest.raises(urllib3.exceptions.HTTPError):
        opened.get("http://blog.example.org/")


def test_a_port_that_another_program_took_costs_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_ssh(tmp_path, monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = iter([reach._free_port(), other.getsockname()[1]])
        free = reach._free_port
        monkeypatch.setattr(reach, "_free_port", lambda: next(first, None) or free())
        with open_door(_ENTRANCE) as opened:
            assert opened.https != other.getsockname()[1]
            assert opened.get("http://blog.example.org/").status == 200
    assert (tmp_path / "runs").read_text() == "xx"


def test_what_never_comes_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_ssh(tmp_path, monkeypatch, refused=True)
    told = r"^ssh://ada@example.org: no SSH forwarding to the gateway could be opened$"
    with pytest.raises(EngineError, match=told), open_door(_ENTRANCE):
        pass
    assert (tmp_path / "runs").read_text() == "x", "it wasn't for a port"
