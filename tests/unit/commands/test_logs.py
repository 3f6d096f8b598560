"""`make logs`: which container's log is followed, and which lines of it are a site's."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commands import logs
from commands.context import Context
from commands.error import CommandError
from config import loading
from tests.unit.program import SEVERAL_SITES, an_estate, own_config


@dataclass
class Host:
    """A Docker host; each of its containers is named by its component and its age."""

    running: list[str]

    @property
    def containers(self) -> "Host":
        return self

    def list(self, **given: Any) -> list[SimpleNamespace]:
        asked = [label for label in given["filters"]["label"] if "homeport.component=" in label]
        wanted = asked[0].partition("=")[2] if asked else ""
        return [
            SimpleNamespace(
                id=name, attrs={"Created": name}, labels={"homeport.component": name[:-2]}
            )
            for name in self.running
            if not wanted or name[:-2] == wanted
        ]


def context(root: Path, host: Host, name: str) -> Context:
    context = Context("local", loading.of_files, given={"name": name})
    estate = loading.load("local", own_config("local"), an_estate(root, SEVERAL_SITES))
    context.__dict__.update(docker=host, estate=estate)
    return context


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command line that prints how it was called, and then a log."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/called\ncat {tmp_path}/log >&2\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (tmp_path / "log").write_text("")
    return tmp_path


def called(folder: Path) -> list[str]:
    return (folder / "called").read_text().split()


def test_the_newest_container_of_a_component_is_followed(docker: Path, tmp_path: Path) -> None:
    host = Host(["shop_2-1", "shop_2-2", "router-1"])
    assert logs.run(context(tmp_path / "root", host, "shop_2")) == 0
    assert called(docker)[-5:] == ["logs", "--follow", "--tail", "200", "shop_2-2"]


def test_of_a_shared_site_its_own_lines_of_the_router_are_shown(
    docker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def line(logger: str, uri: str) -> str:
        return json.dumps({"logger": logger, "uri": uri}, separators=(",", ":"))

    own = line("http.log.access.blog", "/own")
    others = [
        line("http.log.access.blog2", "/other"),
        line("http.log.access.welcome", '/"logger":"http.log.access.blog"'),
        line("tls", "http.log.access.blog"),
    ]
    (docker / "log").write_text("\n".join([others[0], own, *others[1:], own]) + "\n")
    assert logs.run(context(tmp_path / "root", Host(["router-1", "router-2"]), "blog")) == 0
    assert called(docker)[-1] == "router-2"
    assert capfd.readouterr().out == f"{own}\n{own}\n"


@pytest.mark.parametrize("name", ["blog", "shop_2"])
def test_where_nothing_runs_that_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=f"{name} is not a component that runs; there are: none"):
        logs.run(context(tmp_path / "root", Host([]), name))


def test_shared_sites_are_among_those_that_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there are: blog, router, shop_2, welcome"):
        logs.run(context(tmp_path / "root", Host(["router-1", "shop_2-1"]), "blug"))
