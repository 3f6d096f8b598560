"""`make registry-gc`: what its script removes, and that pushes are always let in again."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.models.containers import Container

from commands import at_work, registry_gc
from commands.context import Context
from commands.error import CommandError
from commands.registry_references import LIST
from config import loading
from config.settings import Settings
from host import engine
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
    return tmp_path


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def script(volume: Path, text: str, *arguments: str) -> list[str]:
    """What a script prints that runs beside the volume, without the empty lines that it may."""
    text = text.replace("/tmp/", f"{volume}/")  # noqa: S108 - in the container
    text = text.replace("/state", f"{volume}/state")
    done = subprocess.run(
        ["sh", "-c", text, "sh", *arguments],
        env={"PATH": f"{volume}/programs:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    return [line for line in done.stdout.decode().split("\n") if line]


def collect(volume: Path) -> list[str]:
    return script(volume, registry_gc.COLLECT)


class Pushes:
    """What clients push, one after the other; a fraction of a second lies between them."""

    def __init__(self, volume: Path) -> None:
        self.volume, self.root = volume, volume / "state/docker/registry/v2"
        self.number = 0

    def manifest(self, repository: str, *lists: str, subject: str = "") -> str:
        """Push one that no tag names: its digest."""
        self.number += 1
        said: dict[str, object] = {"config": {"digest": f"sha256:{self.number:064}"}}
        if lists:
            said = {"manifests": [{"digest": each, "size": self.number} for each in lists]}
        if subject:
            said["subject"] = {"annotations": {"digest": "x"}, "digest": subject}
        text = json.dumps(said, indent=3).replace("\n", "\r\n")
        digest = sha256(text.encode()).hexdigest()
        for file, content in (
            (f"blobs/sha256/{digest[:2]}/{digest}/data", text),
            (
                f"repositories/{repository}/_manifests/revisions/sha256/{digest}/link",
                f"sha256:{digest}",
            ),
        ):
            (self.root / file).parent.mkdir(parents=True)
            (self.root / file).write_text(content)
        return f"sha256:{digest}"

    def tag(self, repository: str, name: str, digest: str = "") -> str:
        """Push one with its manifest, or for one that is there: its digest."""
        digest = digest or self.manifest(repository)
        self.number += 1
        below = self.root / f"repositories/{repository}/_manifests/tags" / name
        for file in ("current", f"index/sha256/{digest.removeprefix('sha256:')}"):
            (below / file).mkdir(parents=True, exist_ok=True)
            (below / file / "link").write_text(digest)
            at = 1_800_000_000_000_000_000 + self.number * 1_000_000
            os.utime(below / file / "link", ns=(0, at))
        return digest

    def tags(self, repository: str) -> set[str]:
        below = self.root / f"repositories/{repository}/_manifests/tags"
        return {tag.name for tag in below.iterdir()}

    def manifests(self, repository: str) -> set[str]:
        below = self.root / f"repositories/{repository}/_manifests/revisions/sha256"
        return {f"sha256:{digest.name}" for digest in below.iterdir()}


@pytest.fixture(autouse=True)
def runs_in_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_in(container: Any, argv: list[str]) -> engine.Ran:
        return engine.Ran(0, container.ran(argv), b"")

    monkeypatch.setattr(engine, "run_in", run_in)


@pytest.fixture
def pushes(volume: Path) -> Pushes:
    return Pushes(volume)


class InVolume:
    """A container whose scripts run on the volume; `said` is what they print."""

    def __init__(self, volume: Path) -> None:
        self.volume, self.name = volume, "collector"

    def ran(self, argv: list[str]) -> bytes:
        _, _, text, _, *arguments = argv
        return "\n".join(script(self.volume, text, *arguments)).encode()


def removed(volume: Path, keep: int | None = None) -> None:
    """Remove as the command does, without the services around it."""
    registry_gc._begin(cast(Container, InVolume(volume)), keep)
    *_, sizes, ended = collect(volume)
    assert len(sizes.split()) == 2
    assert ended == "ended with 0"


def test_the_newest_tags_of_each_repository_stay(
    volume: Path, pushes: Pushes, capsys: pytest.CaptureFixture[str]
) -> None:
    for repository, names in {
        "team/app": ("z", "1.0", "_x", "latest"),
        "app": ("9", "8", "7"),
        "app/nested": ("only",),
    }.items():
        for name in names:
            pushes.tag(repository, name)
    removed(volume, 2)
    assert capsys.readouterr().out.splitlines() == [
        "removing app:9",
        "removing team/app:1.0",
        "removing team/app:z",
    ]
    assert pushes.tags("team/app") == {"_x", "latest"}
    assert pushes.tags("app") == {"8", "7"}
    assert pushes.tags("app/nested") == {"only"}
    assert len(pushes.manifests("team/app")) == 2
    assert (volume / "called").read_text() == (
        "error garbage-collect --quiet /etc/registry/current/config.yml\n"
    )


def test_no_tag_is_removed_unless_it_is_asked_for(volume: Path, pushes: Pushes) -> None:
    for name in ("3", "2", "1"):
        pushes.tag("app", name)
    overwritten, now = pushes.manifest("app"), pushes.manifest("app")
    for digest in (overwritten, now):
        pushes.tag("app", "latest", digest)
    removed(volume)
    assert pushes.tags("app") == {"3", "2", "1", "latest"}
    assert overwritten not in pushes.manifests("app")
    assert len(pushes.manifests("app")) == 4
    assert [link.parent.name for link in pushes.root.rglob("latest/index/**/link")] == [now[7:]]


@pytest.mark.parametrize("keep", [None, 1])
def test_signatures_stay_and_go_with_what_they_sign(
    volume: Path, pushes: Pushes, keep: int | None
) -> None:
    """Images of two platforms each, which are signed as cosign does, and a signed attestation."""
    children = {name: [pushes.manifest("app") for _ in range(2)] for name in ("old", "new")}
    images = {name: pushes.manifest("app", *children[name]) for name in children}
    about: dict[str, set[str]] = {"old": set(), "new": set()}
    for name, of in images.items():
        if name == "new" or keep:
            pushes.tag("app", name, of)
        for signed in (of, children[name][1]):
            for ending in (".sig", ".att", ".sbom"):
                tag = f"sha256-{signed[7:]}{ending}"
                about[name] |= {tag}
                digest = pushes.tag("app", tag)
            of_attestation = f"sha256-{digest[7:]}.sig"
            about[name] |= {of_attestation}
            pushes.tag("app", of_attestation)
            pushes.tag("signatures", f"sha256-{signed[7:]}.sig")
    elsewhere = f"sha256-{'e' * 64}.sig"
    pushes.tag("signatures", elsewhere)
    removed(volume, keep)
    assert pushes.tags("app") == {"new", *about["new"]}
    assert pushes.manifests("app") >= {images["new"], *children["new"]}
    assert len(pushes.manifests("app")) == 3 + len(about["new"])
    assert pushes.tags("signatures") == {
        *(f"sha256-{signed[7:]}.sig" for signed in (images["new"], children["new"][1])),
        elsewhere,
    }
    before = pushes.tags("app"), pushes.manifests("app")
    removed(volume, keep)
    assert (pushes.tags("app"), pushes.manifests("app")) == before


def test_referrers_stay_and_go_with_their_subject(volume: Path, pushes: Pushes) -> None:
    """With the tag that lists them, as clients push it here, and without one."""
    images = {name: pushes.tag("app", name) for name in ("old", "new")}
    referrers = {}
    for name, image in images.items():
        listed, unlisted = (pushes.manifest("app", subject=image) for _ in range(2))
        about_it = pushes.manifest("app", subject=unlisted)
        tag = f"sha256-{image[7:]}"
        index = pushes.tag("app", tag, pushes.manifest("app", listed))
        referrers[name] = {listed, unlisted, about_it, index}
    removed(volume, 1)
    assert pushes.tags("app") == {"new", f"sha256-{images['new'][7:]}"}
    assert pushes.manifests("app") == {images["new"], *referrers["new"]}


@pytest.mark.parametrize("damaged", ["current/link", "data"])
def test_nothing_is_removed_where_what_is_needed_can_not_be_read(
    volume: Path, pushes: Pushes, damaged: str
) -> None:
    """A list that can't be read could name any manifest."""
    child = pushes.manifest("app")
    image = pushes.tag("app", "1", pushes.manifest("app", child))
    of_image = {"current/link": "tags/1/", "data": image[7:]}[damaged]
    (file,) = (each for each in pushes.root.rglob(damaged) if of_image in str(each))
    file.write_text("")
    with pytest.raises(CommandError, match=r"app.*can't be read, so nothing is removed"):
        registry_gc._begin(cast(Container, InVolume(volume)), None)
    assert not (volume / "begin").exists()
    file.unlink()
    if damaged == "data":
        with pytest.raises(CommandError, match=f"app@{image} can't be read"):
            registry_gc._begin(cast(Container, InVolume(volume)), None)


def test_what_is_no_manifest_holds_nothing_back(volume: Path, pushes: Pushes) -> None:
    for text in ("", "[]", "{", '{"manifests": [1], "subject": 2}', '{"manifests": {}}'):
        digest = sha256(text.encode()).hexdigest()
        blob = pushes.root / f"blobs/sha256/{digest[:2]}/{digest}/data"
        blob.parent.mkdir(parents=True)
        blob.write_text(text)
        below = pushes.root / "repositories/app/_manifests/revisions/sha256"
        (below / digest).mkdir(parents=True)
    (below / ("0" * 64)).mkdir()
    pushes.tag("app", "1")
    removed(volume)
    assert len(pushes.manifests("app")) == 1


def test_what_is_freed_is_measured_before_and_after(volume: Path, pushes: Pushes) -> None:
    pushes.tag("app", "1")
    layer = volume / "state/layer"
    layer.write_bytes(b"\1" * 5_000_000)
    program(volume / "programs/registry", f"rm {layer}")
    (volume / "begin").touch()
    sizes, _ = collect(volume)
    before, after = map(int, sizes.split())
    assert 4_800 < before - after < 5_000


def test_an_empty_registry_has_nothing_to_free(volume: Path) -> None:
    registry_gc._begin(cast(Container, InVolume(volume)), 1)
    assert collect(volume) == ["ended with 0"]
    assert not (volume / "called").exists()


def test_a_collection_that_fails_says_why_and_its_code(volume: Path, pushes: Pushes) -> None:
    pushes.tag("app", "1")
    program(volume / "programs/registry", "printf 'no space left' >&2; exit 3")
    (volume / "begin").touch()
    assert collect(volume) == ["no space left", "ended with 3"]


def test_it_does_not_begin_while_uploads_may_be_under_way(volume: Path, pushes: Pushes) -> None:
    pushes.tag("app", "1")
    assert collect(volume) == []
    assert not (volume / "called").exists()


# The command around it


class Box:
    """A container, and what is done with it, in the host's own list."""

    def __init__(self, done: list[str], component: str, health: str = "healthy") -> None:
        self.done, self.component, self.name = done, component, component
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
        self.output = b"10240 2048\n\nended with 0\n"
        self.listing = b""
        self.fails: dict[str, BaseException] = {}

    def _do(self, what: str) -> None:
        self.done.append(f"{self.component}: {what}")
        for part, error in self.fails.items():
            if part in what:
                raise error

    def ran(self, argv: list[str]) -> bytes:
        known = {LIST: "list", registry_gc.TELL: "tell", registry_gc.BEGIN: "begin"}
        self._do(" ".join([known.get(argv[2], argv[2]), *argv[4:]]))
        return self.listing if argv[2] == LIST else b""

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
        self.backup: Sequence[str] = ()
        """In what state a backup is found, one look after the other; then there is none."""
        self.containers = self

    def list(self, *, filters: dict[str, list[str]], **_: bool) -> list[Box]:
        wanted = filters["label"][1].partition("=")[2]
        return [box for box in (self.router, self.registry) if box.component == wanted]

    def get(self, name: str) -> Box:
        if name == "homeport-local-backup":
            if not self.backup:
                raise docker.errors.NotFound("none")
            first, *self.backup = self.backup
            found = Box(self.done, "backup")
            found.status = first
            return found
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
    host.collector.listing = "\n".join(
        line
        for tag in "4321"
        for link in [f"./app/_manifests/tags/{tag}/current/link"]
        for line in (f"pushed 2026-01-01 00:00:0{tag}.0 {link}", f"{link}:sha256:{tag * 64}")
    ).encode()
    assert run(host, "3") == 0
    assert host.done == [
        "collector: start",
        CLOSE,
        "registry: restart",
        "collector: list",
        "collector: tell app/_manifests/tags/1",
        "collector: begin",
        "registry: restart",
        "collector: stop",
        OPEN,
        "collector: remove",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Waiting for uploads to end…",
        "Waiting for uploads to end: done in 0 s",
        "Removing what no tag names…",
        "removing app:1",
        "Removing what no tag names: done in 0 s",
        "Restarting the registry…",
        "Restarting the registry: done in 0 s",
        "freed 8.0 MiB: 10.0 MiB before, 2.0 MiB now",
    ]
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


def test_a_backup_is_waited_for(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(at_work, "_GLANCE", 0)
    host.backup = ["running", "running", "running"]
    assert run(host) == 0
    assert capsys.readouterr().out.startswith("Waiting for backup to end…\n")


def test_nothing_is_removed_where_a_backup_begins_meanwhile(host: Host) -> None:
    """It waits for this one, which is there already."""
    host.backup = ["exited", "created"]
    with pytest.raises(CommandError, match=r"^`make backup` began meanwhile, so nothing was rem"):
        run(host)
    assert host.done == ["collector: start", "collector: remove"]


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
