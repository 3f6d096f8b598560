"""Why a Docker host doesn't answer: one sentence for each reason."""

from pathlib import Path

import pytest

from host.reachability import DOCKER_MISSING, why_unreachable

HOST = "ssh://ada@server.example.org:2222"

CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key verification failed."""


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (
            255,
            "ssh: connect to host server.example.org port 2222: Connection refused",
            "it can't be reached (connect to host server.example.org port 2222: Connection re",
        ),
        (
            255,
            "No ED25519 host key is known for server.example.org and you have requested strict "
            "checking.\nHost key verification failed.",
            "its host key isn't known here; connect by hand once (`ssh -p 2222 "
            "ada@server.example.org`)",
        ),
        (255, CHANGED, "type `ssh-keygen -R '[server.example.org]:2222'`"),
        (
            255,
            "ada@server.example.org: Permission denied (publickey).",
            "it refuses every key that ssh offers (Permission denied (publickey).)",
        ),
        (127, "sh: 1: docker: not found", DOCKER_MISSING),
        (
            1,
            "Got permission denied while trying to connect to the Docker daemon socket",
            "`sudo usermod -aG docker ada`",
        ),
        (1, "Cannot connect to the Docker daemon. Is the docker daemon running?", "and doesn't"),
    ],
)
def test_each_reason_has_a_sentence_of_its_own(
    code: int, said: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit {code}\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    why = why_unreachable(HOST, "prod")
    assert why.startswith(f"{HOST}: ")
    assert sentence in why
    assert "\n" not in why


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    why = why_unreachable(f"unix://{tmp_path}/docker.sock", "prod")
    assert "no Docker engine answers; `make up STACK=prod` starts it" in why
