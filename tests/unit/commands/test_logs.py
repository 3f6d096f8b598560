"""`make logs`: which container's log is followed, and which requests are a component's."""

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


def access(name: str, uri: str) -> str:
    return json.dumps({"logger": f"http.log.access.{name}", "uri": uri}, separators=(",", ":"))


OWN = access("blog", "/own")
SHOPS = access("shop_2", "/shop")
OTHERS = [
    access("blog2", "/other"),
    access("welcome", '/"logger":"http.log.access.blog"'),
]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command line that writes how it was called, and prints two logs that have ended."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
echo "$*" >>{tmp_path}/called
case $3 in
    exec) cat {tmp_path}/accesses ;;
    logs) sleep 0.3; cat {tmp_path}/log ;;
esac
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (tmp_path / "log").write_text("the shop prints this\n")
    (tmp_path / "accesses").write_text("\n".join([OTHERS[0], OWN, *OTHERS, SHOPS, OWN]) + "\n")
    return tmp_path


def called(folder: Path) -> list[str]:
    return sorted((folder / "called").read_text().splitlines())


def test_what_the_newest_container_prints_is_followed_beside_its_requests(
    docker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    host = Host(["shop_2-1", "shop_2-2", "router-1"])
    assert logs.run(context(tmp_path / "root", host, "shop_2")) == 0
    requests, printed = called(docker)
    assert "exec --interactive router-1 sh -c" in requests
    assert printed.endswith("logs --follow --tail 200 shop_2-2")
    assert sorted(capfd.readouterr().out.splitlines()) == ["the shop prints this", SHOPS]


def test_what_a_component_prints_is_followed_without_a_gateway(
    docker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert logs.run(context(tmp_path / "root", Host(["shop_2-1"]), "shop_2")) == 0
    assert len(called(docker)) == 1
    assert capfd.readouterr().out == "the shop prints this\n"


def test_a_shared_site_has_its_requests_alone(
    docker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert logs.run(context(tmp_path / "root", Host(["router-1", "router-2"]), "blog")) == 0
    (requests,) = called(docker)
    assert "router-2" in requests
    assert capfd.readouterr().out == f"{OWN}\n{OWN}\n"


def test_the_router_has_all_requests(
    docker: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert logs.run(context(tmp_path / "root", Host(["router-1"]), "router")) == 0
    assert len(called(docker)) == 2
    assert set(capfd.readouterr().out.splitlines()) > {OWN, SHOPS, *OTHERS}


@pytest.mark.parametrize("name", ["blog", "shop_2"])
def test_where_nothing_runs_that_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match=f"{name} is not a component that runs; there are: none"):
        logs.run(context(tmp_path / "root", Host([]), name))


def test_shared_sites_are_among_those_that_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there are: blog, router, shop_2, welcome"):
        logs.run(context(tmp_path / "root", Host(["router-1", "shop_2-1"]), "blug"))
