"""The component that CONTRIBUTING.md has people write, built as they would."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from host.docker_host import DockerHost, DockerHostArgs
from tests.unit.program import ROOT, run_program

IMAGE = "caddy:2.11.7"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    module = types.ModuleType("clock")
    monkeypatch.setitem(sys.modules, "clock", module)
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)  # noqa: S102 (our own page)
    return module


def test_the_worked_example_declares_a_hardened_container_behind_the_gateway(
    clock: types.ModuleType, tmp_path: Path
) -> None:
    routes = []

    def program() -> None:
        host = DockerHost(
            "host",
            DockerHostArgs(docker_host="unix:///some.sock", restart="no", images=[[IMAGE]]),
        )
        args = clock.ClockArgs(host=host, image=IMAGE, at="time.example.org")
        routes.extend(clock.Clock("clock", args).routes)

    graph = run_program(program, root=tmp_path)
    (container,) = graph.containers
    assert (container.name, graph.parent(container).type) == ("clock", "homeport:index:Clock")
    assert container.inputs["readOnly"]
    assert container.inputs["healthcheck"]["tests"]
    assert [(route.host, route.handler.address) for route in routes] == [
        ("time.example.org", "clock:8000")
    ]
