"""`make registry-gc`: what its script removes, and that pushes are always let in again."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from commands import registry_gc
from commands.context import Context
from commands.error import CommandError
from config import loading
from config.settings import Settings
from tests.unit.program import own_config

# The script that runs on the registry's volume


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A registry's volume, and programs beside it: nobody waits, and nothing is collected."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "state").mkdir()
    program(programs / "sleep", "")
    program(programs / "registry", f'echo "$REGISTRY_LOG_LEVEL $*" >>{tmp_path}/called')
    (tmp_path / "begin").touch()
    return tmp_path


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def collect(volume: Path, keep: str) -> list[str]:
    """What the script prints, without the empty lines that it may."""
    script = registry_gc.COLLECT.replace("/state", f"{volume}/state")
    script = script.replace("/tmp/begin", f"{volume}/begin")  # noqa: S108 - in the container
    done = subprocess.run(
        ["sh", "-c", script, "sh", keep],
        env={"PATH": f"{volume}/programs:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    return [line for line in done.stdout.splitlines() if line]


def push(volume: Path, repository: str, *tags: str) -> None:
    """Tags, the oldest first; a fraction of a second lies between them."""
    below = volume / "state/docker/registry/v2/repositories" / repository / "_manifests/tags"
    below.mkdir(parents=True, exist_ok=True)
    for number, tag in enumerate(tags):
        link = below / tag / "current/link"
        link.parent.mkdir(parents=True)
        link.write_text("sha256:…")
        os.utime(link, ns=(0, 1_800_000_000_000_000_000 + number * 1_000_000))


def tags(volume: Path, repository: str) -> set[str]:
    below = volume / "state/docker/registry/v2/repositories" / repository / "_manifests/tags"
    return {tag.name for tag in below.iterdir()}


def test_the_newest_tags_of_each_repository_stay(volume: Path) -> None:
    push(volume, "team/app", "z", "1.0", "-x", "latest")
    push(volume, "app", "9", "8", "7")
    push(volume, "app/nested", "only")
    push(volume, "empty")
    *removed, sizes, ended = collect(volume, "2")
    assert removed == ["removed app:9", "removed team/app:1.0", "removed team/app:z"]
    assert tags(volume, "team/app") == {"-x", "latest"}
    assert tags(volume, "app") == {"8", "7"}
    assert tags(volume, "app/nested") == {"only"}
    assert len(sizes.split()) == 2
    assert ended == "ended with 0"
    assert (volume / "called").read_text() == (
        "error garbage-collect --delete-untagged --quiet /etc/registry/current/config.yml\n"
    )


def test_no_tag_is_removed_unless_it_is_asked_for(volume: Path) -> None:
    push(volume, "app", "3", "2", "1")
    assert len(collect(volume, "")) == 2
    assert tags(volume, "app") == {"3", "2", "1"}


def test_what_is_freed_is_measured_before_and_after(volume: Path) -> None:
    push(volume, "app", "1")
    layer = volume / "state/layer"
    layer.write_bytes(b"\1" * 5_000_000)
    program(volume / "programs/registry", f"rm {layer}")
    sizes, _ = collect(volume, "")
    before, after = map(int, sizes.split())
    assert 4_800 < before - after < 5_000


def test_an_empty_registry_has_nothing_to_free(volume: Path) -> None:
    assert collect(volume, "1") == ["ended with 0"]
    assert not (volume / "called").exists()


def test_a_collection_that_fails_says_why_and_its_code(volume: Path) -> None:
    push(volume, "app", "1")
    program(volume / "programs/registry", "printf 'no space left' >&2; exit 3")
    assert collect(volume, "") == ["no space left", "ended with 3"]


def test_it_does_not_begin_while_uploads_may_be_under_way(volume: Path) -> None:
    (volume / "begin").unlink()
    push(volume, "app", "1")
    assert collect(volume, "") == []
    assert not (volume / "called").exists()


# The command around it


class Box:
    """A container, and what is done with it, in the host's own list."""

    def __init__(self, done: list[str], component: str, health: str = "healthy") -> None:
        self.done, self.component = done, component
        self.status = "running"
        self.labels = {"homeport.stack": "homeport/local", "homeport.component": component}
        self.attrs: dict[str, Any] = {
            "State": {"Running": True, "Health": {"Status": health}},
            "Config": {"Image": "registry:1"},
            "Mounts": [
                {"Destination": "/state", "Name": "data"},
                {"Destination": "/etc/registry", "Name": "config"},
                {"Destination": "/tmp"},  # noqa: S108 - in the container
            ],
        }
        self.output = b"removed app:1\n10240 2048\n\nended with 0\n"
        self.fails: dict[str, BaseException] = {}

    def _do(self, what: str) -> None:
        self.done.append(f"{self.component}: {what}")
        for part, error in self.fails.items():
            if part in what:
                raise error

    def exec_run(self, argv: list[str]) -> tuple[int, bytes]:
        self._do(" ".join(argv[-1:]))
        return 0, b""

    def restart(self, *, timeout: int) -> None:
        assert timeout > 25, "uploads have that long to end"
        self._do("restart")

    def start(self) -> None:
        self._do("start")

    def stop(self, *, timeout: int) -> None:
        assert timeout == 0
        self._do("stop")

    def remove(self, **_: bool) -> None:
        self._do("remove")

    def reload(self) -> None:
        pass

    def logs(self) -> bytes:
        return self.output


class Host:
    """A Docker host with a router and a registry, and perhaps what an earlier run left."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.router, self.registry = Box(self.done, "router"), Box(self.done, "registry")
        self.collector = Box(self.done, "collector")
        self.earlier: Box | None = None
        self.created: dict[str, Any] = {}
        self.containers = self

    def list(self, *, filters: dict[str, list[str]], **_: bool) -> list[Box]:
        wanted = filters["label"][1].partition("=")[2]
        return [box for box in (self.router, self.registry) if box.component == wanted]

    def get(self, name: str) -> Box:
        assert name == "homeport-local-registry-gc"
        if self.earlier:
            return self.earlier
        raise docker.errors.NotFound("none")

    def create(self, image: str, **given: Any) -> Box:
        self.created = {"image": image, **given}
        return self.collector


CLOSE = "router: mkdir -p $XDG_DATA_HOME/closed && touch $XDG_DATA_HOME/closed/registry"
OPEN = "router: rm -f $XDG_DATA_HOME/closed/registry"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return Host()


def run(host: Host, keep: str = "", **different: str) -> int:
    context = Context("local", loading.of_files, {"keep": keep})
    settings = Settings.parse("local", own_config("local") | {"registry": "{}"} | different)
    context.__dict__.update(docker=host, estate=SimpleNamespace(settings=settings))
    return registry_gc.run(context)


def refusal(host: Host, keep: str = "") -> str:
    with pytest.raises(CommandError) as caught:
        run(host, keep)
    return str(caught.value)


def test_pushes_are_kept_out_while_it_removes_and_uploads_end_first(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(host, "3") == 0
    assert host.done == [
        "collector: start",
        CLOSE,
        "registry: restart",
        "collector: /tmp/begin",
        "registry: restart",
        "collector: stop",
        OPEN,
        "collector: remove",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Waiting for uploads to end…",
        "Waiting for uploads to end: done in 0 s",
        "Removing what no tag names…",
        "Removing what no tag names: done in 0 s",
        "Restarting the registry…",
        "Restarting the registry: done in 0 s",
        "removed app:1",
        "freed 8.0 MiB: 10.0 MiB before, 2.0 MiB now",
    ]
    assert host.created["command"][-1] == "3"
    assert host.created["user"] == "1000:1000"
    assert {name: at["bind"] for name, at in host.created["volumes"].items()} == {
        "data": "/state",
        "config": "/etc/registry",
    }


def a_failing_collection(host: Host) -> None:
    host.collector.output = b"no space left\nended with 3\n"


def a_removed_collector(host: Host) -> None:
    host.collector.fails["begin"] = docker.errors.APIError("gone")
    host.collector.fails["stop"] = docker.errors.NotFound("gone")


def ctrl_c(host: Host) -> None:
    host.registry.fails["restart"] = KeyboardInterrupt()


def a_refused_restart(host: Host) -> None:
    host.registry.fails["restart"] = docker.errors.APIError("no")


def an_ended_collector(host: Host) -> None:
    host.collector.output, host.collector.status = b"", "exited"


@pytest.mark.parametrize(
    "fault",
    [a_failing_collection, a_removed_collector, ctrl_c, a_refused_restart, an_ended_collector],
)
def test_pushes_are_let_in_again_whatever_happens_once_nothing_removes(
    host: Host, fault: Callable[[Host], None]
) -> None:
    fault(host)
    with pytest.raises((CommandError, KeyboardInterrupt)):
        run(host)
    assert CLOSE in host.done
    assert host.done[-3:] == ["collector: stop", OPEN, "collector: remove"]


def test_a_failure_is_told_with_what_the_registry_said(host: Host) -> None:
    a_failing_collection(host)
    assert refusal(host).splitlines() == [
        "what no tag names couldn't be removed:",
        "no space left",
        "ended with 3",
    ]


def test_where_pushes_stay_out_it_says_what_lets_them_in(host: Host) -> None:
    host.router.fails["rm"] = docker.errors.APIError("the router is gone")
    assert refusal(host) == (
        "pushes are still refused, because the gateway couldn't be told: the router is gone; "
        "`make registry-gc` once more lets them in"
    )


def test_what_a_killed_run_left_is_removed(host: Host) -> None:
    host.earlier = Box(host.done, "earlier")
    host.earlier.status = "exited"
    assert run(host) == 0
    assert host.done[0] == "earlier: remove"
    assert OPEN in host.done


def test_a_second_one_at_the_same_time_does_nothing(host: Host) -> None:
    host.earlier = Box(host.done, "earlier")
    assert refusal(host) == (
        "another registry-gc is at work in container homeport-local-registry-gc, which ends by "
        "itself; try again then"
    )
    assert host.done == []


@pytest.mark.parametrize("component", ["router", "registry"])
def test_what_is_not_well_is_left_alone(host: Host, component: str) -> None:
    setattr(host, component, Box(host.done, component, "unhealthy"))
    assert refusal(host) == f"stack local: {component} is unhealthy; `make up` mends it"
    setattr(host, component, Box(host.done, "else"))
    assert refusal(host) == f"stack local runs no {component}; `make up` starts it"
    assert host.done == []


@pytest.mark.parametrize("keep", ["0", "-1", "all", "1.5"])
def test_keep_is_a_number_of_tags(host: Host, keep: str) -> None:
    assert refusal(host, keep) == f"KEEP is {keep!r}: must be a number of tags, 1 or more"
    assert host.done == []


@pytest.mark.parametrize(("keep", "kept"), [("010", 10), ("08", 8)])
def test_keep_is_decimal_for_the_shell_as_well(
    host: Host, volume: Path, keep: str, kept: int
) -> None:
    run(host, keep)
    handed = host.created["command"][-1]
    push(volume, "app", *map(str, range(12)))
    collect(volume, handed)
    assert tags(volume, "app") == {str(number) for number in range(12 - kept, 12)}


def test_a_stack_without_a_registry_says_how_to_get_one(host: Host) -> None:
    context = Context("local", loading.of_files, {"keep": ""})
    settings = Settings.parse("local", own_config("local"))
    context.__dict__.update(docker=host, estate=SimpleNamespace(settings=settings))
    with pytest.raises(CommandError) as caught:
        registry_gc.run(context)
    assert str(caught.value) == (
        "stack local has no image registry; `homeport:registry: {}` in Pulumi.local.yaml turns it "
        "on"
    )
