"""The commands behind the make targets, as far as they need neither engine nor host."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import urllib3

from commands import __main__ as program
from commands import (
    down,
    failures,
    leftovers,
    live,
    locks,
    orphans,
    ports,
    probe,
    pulumi_cli,
    purge,
    restoring,
    scheduled,
    up,
)
from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import backend
from commands.table import table
from components.reach import Door
from config import loading
from config.model import ConfigError
from config.settings import PROJECT, ROOT
from tests.unit.program import SEVERAL_SITES, an_estate, own_config


def a_context(stack: str = "local", **known: Any) -> Context:
    """A context that knows these already (`docker`, `estate`), instead of asking for them."""
    context = Context(stack, loading.of_files)
    context.__dict__.update(known)
    return context


# Tables


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("name", "url"), [("a", "http://a"), ("welcome", "")]).splitlines() == [
        "NAME     URL",
        "a        http://a",
        "welcome",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("name", "url"), []) == "NAME  URL"


# Locks


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock in a backend of its own, as the engine writes it; it is held by this process."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    file = tmp_path / ".pulumi/locks/organization" / PROJECT / "local/0a1b.json"
    file.parent.mkdir(parents=True)
    hold(file, pid=os.getpid())
    return file


def hold(file: Path, **different: object) -> None:
    lock = {
        "pid": 1,
        "username": "ada",
        "hostname": socket.gethostname(),
        "timestamp": "2026-11-22T08:00:00Z",
    }
    file.write_text(json.dumps(lock | different))


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_lock_of_a_dead_process_is_removed_and_said_so(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pid = dead_pid()
    hold(lock, pid=pid)
    locks.release_dead(a_context())
    assert not lock.exists()
    assert capsys.readouterr().out == (
        f"removed the lock of ada@{socket.gethostname()} (process {pid}, since "
        "2026-11-22T08:00:00Z), which is no longer running\n"
    )


@pytest.mark.parametrize("elsewhere", [False, True])
def test_any_other_lock_stops_naming_its_holder(lock: Path, *, elsewhere: bool) -> None:
    host = "elsewhere" if elsewhere else socket.gethostname()
    pid = dead_pid() if elsewhere else os.getpid()
    hold(lock, hostname=host, pid=pid)
    with pytest.raises(CommandError) as caught:
        locks.release_dead(a_context())
    assert str(caught.value) == (
        f"stack local is being updated by ada@{host} (process {pid}, since "
        "2026-11-22T08:00:00Z); wait for it to end, or `pulumi cancel --stack local` "
        "where it is gone"
    )
    assert lock.exists()


def test_a_lock_of_another_stack_is_not_this_ones(lock: Path) -> None:
    locks.release_dead(a_context("prod"))
    assert lock.exists()


def test_a_backend_that_is_no_folder_tells_its_own_locks(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.example.org")
    locks.release_dead(a_context())
    assert lock.exists()


# Leftovers


@dataclass
class Thing:
    """A container or a network on the host."""

    name: str
    labels: dict[str, str]
    removed: bool = False
    status: str = "exited"

    @property
    def id(self) -> str:
        return f"{self.name}-id"

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Labels": self.labels}

    def remove(self, **_: bool) -> None:
        self.removed = True


@dataclass
class Things:
    all: list[Thing] = field(default_factory=list)
    filters: list[dict[str, Any]] = field(default_factory=list)

    def list(self, *, filters: dict[str, Any], **_: bool) -> list[Thing]:
        self.filters.append(filters)
        return self.all


@dataclass
class Host:
    """A Docker host with these on it, all of the stack that is asked for."""

    containers: Things = field(default_factory=Things)
    networks: Things = field(default_factory=Things)
    volumes: Things = field(default_factory=Things)


def made_by(state: str, name: str, **labels: str) -> Thing:
    return Thing(name, {"homeport.component": "blog", "homeport.state": state, **labels})


DEPLOYMENT = {
    "resources": [
        {"type": "pulumi:pulumi:Stack"},
        {"type": "pulumi-python:dynamic/homeport:StackId", "id": "mine"},
        {"type": "docker:index/container:Container", "id": "known-id"},
        {"type": "docker:index/container:Container", "id": "old-id", "delete": True},
        {"type": "docker:index/network:Network", "id": "web-id"},
    ]
}


def clear(host: Host, deployment: dict[str, Any] = DEPLOYMENT) -> None:
    estate = loading.load("local", own_config("local"))
    leftovers.clear(a_context(docker=host, estate=estate), deployment, backend())


def test_what_this_state_made_and_does_not_know_is_removed_and_said_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    throwaway = Thing("check", {"homeport.component": "blog", "homeport.throwaway": "true"})
    kept = [made_by("mine", "known"), made_by("mine", "old"), made_by("mine", "web")]
    left = [made_by("mine", "blog-1"), throwaway, made_by("mine", "edge")]
    host = Host(Things([*kept[:2], *left[:2]]), Things([kept[2], left[2]]))
    clear(host)
    assert [thing.removed for thing in kept] == [False] * 3
    assert [thing.removed for thing in left] == [True] * 3
    assert capsys.readouterr().out.splitlines() == [
        f"removing {name}, left by an interrupted update" for name in ("blog-1", "check", "edge")
    ]


def test_volumes_of_generated_files_that_nobody_knows_are_removed_and_data_never() -> None:
    names = ("router-config-ea4ca37", "known-id", f"{PROJECT}-local-proxy-data")
    volumes = [Thing(name, {"homeport.component": "router"}) for name in names]
    clear(Host(volumes=Things(volumes)))
    assert [volume.removed for volume in volumes] == [True, False, False]


@pytest.mark.parametrize("command", ["registry-gc", "backup", "restore"])
def test_a_command_at_work_stays(command: str) -> None:
    container = Thing(
        f"homeport-local-{command}",
        {"homeport.component": "registry", "homeport.throwaway": "true"},
    )
    container.status = "running"
    with pytest.raises(CommandError, match=f"^{command} is at work on stack local; try again"):
        clear(Host(Things([container])))
    assert not container.removed
    container.status = "exited"
    clear(Host(Things([container])))
    assert container.removed


def test_only_this_stacks_things_are_looked_at() -> None:
    host = Host()
    clear(host)
    assert host.containers.filters == [{"label": [f"homeport.stack={PROJECT}/local"]}]
    assert host.networks.filters == [{"label": f"homeport.stack={PROJECT}/local"}]


@pytest.mark.parametrize("deployment", [DEPLOYMENT, {}, {"resources": []}])
def test_what_another_state_made_under_the_stacks_name_stops_before_any_change(
    monkeypatch: pytest.MonkeyPatch, deployment: dict[str, Any]
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///here")
    mine = [made_by("mine", "blog-1")] if deployment is DEPLOYMENT else []
    theirs = made_by("theirs", "web"), made_by("theirs", "blog-2")
    host = Host(Things([*mine, theirs[1]]), Things([theirs[0]]))
    with pytest.raises(CommandError) as caught:
        clear(host, deployment)
    assert str(caught.value) == (
        "stack local on unix:///var/run/docker.sock was made from another state than "
        "file:///here: blog-2, web. Nothing was changed. Run `make down` in the checkout that "
        "made them, or use its state (PULUMI_BACKEND_URL), or remove them with `docker rm --force` "
        "and `docker network rm`"
    )
    assert not any(thing.removed for thing in (*mine, *theirs))


def test_what_another_state_made_is_not_taken_down(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(Things([made_by("theirs", "web")]))
    context = a_context(docker=host, estate=loading.load("local", own_config("local")))
    monkeypatch.setattr(pulumi_cli, "deployment", lambda _: {})
    monkeypatch.setattr(pulumi_cli, "told", lambda *_, **__: pytest.fail("destroys"))
    with pytest.raises(CommandError, match=r"was made from another state than .*: web\. Nothing"):
        down.run(context)


# What `up` prints at its end


def several_sites(root: Path, stack: str) -> Context:
    root = an_estate(root, SEVERAL_SITES)
    return a_context(stack, estate=loading.load(stack, own_config(stack), root))


def test_the_hosts_line_names_all_where_this_machines_resolver_does_not_know_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = list[str]()

    def resolves(host: str) -> bool:
        asked.append(host)
        return host < "c"

    monkeypatch.setattr(up, "_resolves", resolves)
    up._print_hosts_line(several_sites(tmp_path, "local"))
    assert capsys.readouterr().out.splitlines() == [
        "",
        "Browsers find these by themselves. For other programs, add to /etc/hosts:",
        "127.0.0.1 blog.localhost example.org.localhost welcome.localhost "
        "www.example.org.localhost xn--bcher-kva.example.localhost",
    ]
    assert asked == ["blog.localhost", "example.org.localhost"], "and none after it"


def test_there_is_no_hosts_line_where_all_are_known_or_none_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "_resolves", lambda _host: True)
    up._print_hosts_line(several_sites(tmp_path / "local", "local"))
    monkeypatch.setattr(up, "_resolves", lambda _host: False)
    up._print_hosts_line(several_sites(tmp_path / "prod", "prod"))
    assert capsys.readouterr().out == ""


def test_the_welcome_page_comes_first(tmp_path: Path) -> None:
    names = [url["name"] for url in up._welcome_first(several_sites(tmp_path, "local"))]
    assert names == ["welcome", "blog", "blog", "blog", "shop_2"]


def test_the_log_of_what_did_not_get_well_is_shown_with_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """But for what waits for its promotion, which has shown it already."""
    ended = {"Running": False, "Status": "exited", "ExitCode": 3}
    well = {"Running": True, "Health": {"Status": "healthy"}}
    ill = {"Running": True, "Health": {"Status": "unhealthy"}}
    things = [
        Service("blog", ended, b"no such file\n"),
        Service("proxy", well),
        Service("shop", ill),
        Service("promised", ill, b"as its promotion said\n", "idle", "edge"),
    ]
    failures.explain(a_context(docker=Host(Things([*things])), estate=None))
    assert capsys.readouterr().err.splitlines() == [
        "",
        "blog is exited (exit code 3); its last lines:",
        "no such file",
        "",
        "shop is unhealthy; its last lines:",
        "(it printed nothing)",
    ]


class Service(Thing):
    """A container with a state, a log and networks; visitors reach it unless they say otherwise."""

    def __init__(
        self, component: str, state: dict[str, Any], log: bytes = b"", *networks: str
    ) -> None:
        super().__init__(component, {"homeport.component": component})
        self.state, self.log, self.networks = state, log, networks or ("idle", "web")

    @property
    def attrs(self) -> dict[str, Any]:
        networks: dict[str, Any] = {f"{network}-0a1b2c3": {} for network in self.networks}
        return {"State": self.state, "NetworkSettings": {"Networks": networks}}

    def logs(self, *, tail: int) -> bytes:
        assert tail
        return self.log


# Asking every URL


@dataclass
class FakeDoor:
    """A gateway that answers everything with this status, or not at all."""

    status: int

    def get(self, url: str) -> Any:
        assert url == "https://blog.localhost:8443"
        if not self.status:
            raise urllib3.exceptions.HTTPError("connection refused")
        return self


@pytest.mark.parametrize(
    ("kind", "status", "text", "well"),
    [
        ("site", 200, "200", True),
        ("site", 404, "404", True),
        ("redirect", 301, "301", True),
        ("site", 503, "503, no content yet", True),
        ("site", 500, "500", False),
        ("site", 502, "502", False),
        ("site", 0, "no answer (connection refused)", False),
        ("upstream", 0, "not asked, it is outside", True),
    ],
)
def test_an_answer_is_told_in_a_word_or_two(
    kind: str, status: int, text: str, *, well: bool
) -> None:
    entry = {"name": "blog", "kind": kind, "url": "https://blog.localhost:8443"}
    answer = probe.ask(cast("Door", FakeDoor(status)), entry)
    assert (answer.text, answer.well, answer.empty) == (text, well, "no content" in text)


class Seconds:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.gone = 0.0

    def sleep(self, seconds: float) -> None:
        self.gone += seconds

    def monotonic(self) -> float:
        return self.gone


@dataclass
class EmptyAtFirst:
    """A gateway whose sites have nothing to show for some seconds."""

    clock: Seconds
    seconds: float

    def __enter__(self) -> "EmptyAtFirst":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get(self, _url: str) -> Any:
        return FakeDoor(503 if self.clock.gone < self.seconds else 200)


GIT = "hosts: [blog, a.org]\nsource: {git: https://git.example.org/blog}\n"
Probing = Callable[[str, str, int], tuple[int, float, str]]


@pytest.fixture
def probing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Probing:
    """The exit code, the seconds that went by and what was said, when a stack's URLs are asked."""

    def probe_(stack: str, site: str, empty_for: int) -> tuple[int, float, str]:
        clock = Seconds()
        monkeypatch.setattr(probe, "time", clock)
        estate = loading.load(stack, own_config(stack), an_estate(tmp_path, {"blog.yaml": site}))
        context = a_context(stack, estate=estate, door=lambda: EmptyAtFirst(clock, empty_for))
        code = probe.run(context)
        return code, clock.gone, "".join(capsys.readouterr())

    return probe_


@pytest.mark.parametrize(
    ("empty_for", "waited", "said"),
    [
        (0, 0, ""),
        (7, 7, ""),
        (
            99,
            20,
            "blog: no content yet; `make logs NAME=publisher STACK=prod` tells what became of it\n",
        ),
    ],
)
def test_content_from_git_is_waited_for_and_missed_without_a_failure(
    probing: Probing, empty_for: int, waited: int, said: str
) -> None:
    assert probing("prod", GIT, empty_for) == (0, waited, said)


@pytest.mark.parametrize(
    ("stack", "site"),
    # The island fetches from nowhere, and a folder is there or isn't.
    [("local", GIT), ("prod", "hosts: [blog]\nsource: {folder: sites/blog}\n")],
)
def test_content_that_nobody_brings_is_not_waited_for(
    probing: Probing, stack: str, site: str
) -> None:
    assert probing(stack, site, 99) == (0, 0, "")


# Asking a person


@pytest.fixture
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)


@pytest.mark.usefixtures("nobody_there")
def test_without_a_terminal_local_goes_ahead_and_others_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert a_context("local").may_act("updating")
    for stack, always in (("prod", False), ("local", True)):
        with pytest.raises(CommandError) as caught:
            a_context(stack).may_act("purging", always_ask=always)
        assert str(caught.value) == (
            f"purging stack {stack} needs a yes, and there is no terminal to ask at; give YES=1"
        )
    monkeypatch.setenv("YES", "1")
    assert a_context("prod").may_act("updating")
    assert a_context("local").may_act("purging", always_ask=True)


@pytest.mark.parametrize(("typed", "code"), [("local", 0), ("yes", 1), ("", 1)])
def test_purge_deletes_what_it_listed_once_the_stacks_name_is_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, code: int
) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: typed)
    host = Host(volumes=Things([Thing("homeport-local-proxy-data", {})]))
    assert purge.run(a_context(docker=host)) == code
    assert host.volumes.filters == [{"label": f"homeport.stack={PROJECT}/local"}]
    assert host.volumes.all[0].removed == (code == 0)
    assert capsys.readouterr().out.splitlines() == [
        "Data volumes of stack local:",
        "  homeport-local-proxy-data",
        "Nothing was deleted." if code else "deleted homeport-local-proxy-data",
    ]


@pytest.mark.usefixtures("nobody_there")
def test_purge_deletes_nothing_while_containers_stand_or_nobody_answers() -> None:
    volume = Thing("homeport-local-proxy-data", {})
    standing = Host(Things([made_by("mine", "blog-1")]), volumes=Things([volume]))
    with pytest.raises(CommandError, match=r"^stack local still has containers; `make down` rem"):
        purge.run(a_context(docker=standing))
    with pytest.raises(CommandError, match="give YES=1"):
        purge.run(a_context(docker=Host(volumes=Things([volume]))))
    assert not volume.removed


def test_what_purge_of_another_stack_says_to_type_is_for_that_stack() -> None:
    """`make down` alone would take the local one down, without a question."""
    standing = Host(Things([made_by("mine", "blog-1")]))
    with pytest.raises(CommandError, match="`make down STACK=prod` removes them first"):
        purge.run(a_context("prod", docker=standing))


# The command line


@pytest.mark.parametrize("error", [CommandError("one sentence"), ConfigError(["one", "two"])])
def test_an_error_is_its_sentences_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(_context: Context) -> int:
        raise error

    monkeypatch.setitem(program.COMMANDS, "status", ("", fail))
    assert program.main(["status"]) == 1
    assert capsys.readouterr() == ("", f"{error}\n")


def test_a_command_acts_on_local_unless_a_stack_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note(context: Context) -> int:
        seen.append((context.stack, context.given))
        return 0

    monkeypatch.setitem(program.COMMANDS, "logs", ("", note))
    program.main(["logs", "--name=blog"])
    program.main(["logs", "--stack", "prod", "--name="])
    assert seen == [("local", {"name": "blog"}), ("prod", {"name": ""})]


def test_what_to_type_next_names_the_stack_unless_it_is_local() -> None:
    assert a_context("local").make("up") == "make up"
    assert a_context("my prod").make("up") == "make up STACK='my prod'"


# The table of commands


def test_a_reader_that_has_enough_ends_a_command_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "commands", "users"],
            cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_nobody_thought_of_is_a_sentence_and_an_entry_in_a_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_context: Context) -> int:
        raise LookupError("no such thing")

    (tmp_path / ".engine").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(program.COMMANDS, "status", ("", broken))
    assert program.main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no such thing" in said
    assert "Traceback" not in said
    log = tmp_path / ".engine/errors.log"
    assert "LookupError: no such thing" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("answer", "done"),
    [("y", ["preview", "up"]), ("yes", ["preview", "up"]), ("", ["preview"]), ("n", ["preview"])],
)
def test_at_a_terminal_another_stack_is_shown_first_and_asked_about(
    monkeypatch: pytest.MonkeyPatch, answer: str, done: list[str]
) -> None:
    ran: list[str] = []

    def told(_context: Context, verb: str, *_: str, known: Mapping[str, Any]) -> int:
        assert len(known["resources"]) == 2
        ran.append(verb)
        return 0

    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    monkeypatch.setattr(up, "told", told)
    monkeypatch.setattr(up, "deployment", lambda _: {"resources": [{}, {}]})
    around = (
        (leftovers, "clear"),
        (ports, "check_free"),
        (probe, "run"),
        (restoring, "refuse"),
        (scheduled, "keep_state"),
    )
    for module, name in around:
        monkeypatch.setattr(module, name, lambda *_: 0)
    noted: list[str] = []
    monkeypatch.setattr(live, "note", lambda stack, _: noted.append(stack))
    monkeypatch.setattr(orphans, "end", lambda: None)
    monkeypatch.setattr(Context, "is_bare", lambda _: False)
    monkeypatch.setattr(up, "_welcome_first", lambda _: [])
    monkeypatch.setattr(up, "_print_hosts_line", lambda _: None)
    assert up.run(a_context("prod", estate=None)) == (0 if "up" in done else 1)
    assert ran == done
    assert noted == (["prod"] if "up" in done else [])
