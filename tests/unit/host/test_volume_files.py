"""Generated files in a volume, as plain Python: a host that writes down what is asked of it.

What the host itself does (archives, links, reloads) is tested end to end.
"""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pulumi
import pytest

from host import engine, file_tree, volume_files, volume_files_write
from host.file_tree import Entry
from host.files import Files
from host.provider import ToldError
from host.volume_files import VolumeFiles, VolumeFilesArgs, VolumeFilesProvider

SECRET = "planted-2b9e"
provider = VolumeFilesProvider()


@dataclass
class Running:
    """A running container that mounts the volume."""

    image: str
    refuses: str = ""
    at: str = "/etc/service"
    reloads: list[Sequence[str]] = field(default_factory=list)

    @property
    def attrs(self) -> dict[str, Any]:
        mounts = [{"Destination": "/folder"}, {"Name": "the-volume", "Destination": self.at}]
        return {"Config": {"Image": self.image}, "Mounts": mounts}

    def run_in(self, command: Sequence[str]) -> engine.Ran:
        self.reloads.append(command)
        return engine.Ran(1 if self.refuses else 0, b"", self.refuses.encode())


@dataclass
class Host:
    """A Docker host with one volume; every throw-away container succeeds unless said otherwise."""

    answers: bool = True
    has_image: bool = True
    has_volume: bool = True
    verdict: tuple[int, str] = (0, "")
    """Exit code and words of the service's binary, asked for its opinion of the files."""
    current: dict[str, Entry] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    """Command lines of throw-away containers."""
    written: dict[str, bytes] = field(default_factory=dict)
    """Files that went into the last one of them."""

    # What the SDK's client offers, as far as it is used.
    @property
    def volumes(self) -> "Host":
        return self

    def get(self, name: str) -> None:
        if not self.has_volume:
            raise docker.errors.NotFound(name)

    @property
    def containers(self) -> "Host":
        return self

    def list(self, filters: dict[str, str]) -> list[Running]:
        assert filters == {"volume": "the-volume", "status": "running"}
        return self.running

    def put_archive(self, _path: str, archive: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for info in tar:
                if file := tar.extractfile(info) if info.isfile() else None:
                    self.written[info.name] = file.read()

    @contextmanager
    def throwaway(
        self, _client: object, _image: str, command: Sequence[str], **_: Any
    ) -> Iterator["Host"]:
        self.ran.append(" ".join(command))
        self.written = {}
        yield self

    @contextmanager
    def holder(self, _client: object, volume: str, **_: Any) -> Iterator[tuple["Host", str]]:
        assert volume == "the-volume"
        yield self, "/etc/service"

    def run_to_end(self, _container: object) -> tuple[int, str]:
        if self.ran[-1] in ("service check", "caddy validate"):
            return self.verdict
        return 0, "releases/old-1" if "readlink" in self.ran[-1] else ""

    def unpack(self, _container: object, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        assert path == "/etc/service"
        link = tarfile.TarInfo("service/current")
        link.type, link.linkname = tarfile.SYMTYPE, "releases/x"
        yield link, b""
        for name, entry in self.current.items():
            info = tarfile.TarInfo(f"service/releases/x/{name}")
            info.uid, info.mode = entry.owner, entry.mode
            yield info, entry.content

    @property
    def validations(self) -> int:
        return self.ran.count("service check")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(engine, "connect", lambda _: host)
    monkeypatch.setattr(engine, "reachable", lambda _: host.answers)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: host.has_image)
    monkeypatch.setattr(engine, "throwaway", host.throwaway)
    monkeypatch.setattr(engine, "holder", host.holder)
    monkeypatch.setattr(engine, "run_in", Running.run_in)
    monkeypatch.setattr(engine, "run_to_end", host.run_to_end)
    monkeypatch.setattr(engine, "unpack", host.unpack)
    monkeypatch.setattr(volume_files_write, "_already_validated", set())
    monkeypatch.setattr(volume_files, "_said_missing", set())
    return host


def props(**different: Any) -> dict[str, Any]:
    """Properties as the engine sends them: numbers arrive as floats."""
    return {
        "docker_host": "unix:///d",
        "volume": "the-volume",
        "mount": "/etc/service",
        "image": "service:1",
        "files": {"service.conf": "listen 80"},
        "secret_files": {"token": SECRET},
        "folders": {},
        "owner": 1000.0,
        "validate": ["service", "check"],
        "reload": ["service", "reload"],
        "labels": {"homeport.component": "service"},
    } | different


def stored(**different: Any) -> dict[str, Any]:
    """Properties as the state keeps them, after a write."""
    made = props(**different)
    return made | {"digest": file_tree.digest(tree_of(made))}


def tree_of(made: dict[str, Any]) -> dict[str, Entry]:
    public = {path: Entry(text.encode()) for path, text in made["files"].items()}
    secret = {p: Entry(text.encode(), 1000, 0o400) for p, text in made["secret_files"].items()}
    return public | secret


# Check: validation in preview


def test_a_good_candidate_is_validated_where_the_service_would_see_it(host: Host) -> None:
    assert provider.check({}, props()).failures == []
    assert host.validations == 1
    candidate = "etc/service/releases/candidate"
    assert host.written == {
        f"{candidate}/service.conf": b"listen 80",
        f"{candidate}/token": SECRET.encode(),
    }


def test_a_bad_candidate_fails_naming_no_property_since_that_would_print_its_secrets(
    host: Host,
) -> None:
    host.verdict = (1, f"service.conf:1: no such option, near {SECRET}")
    (failure,) = provider.check({}, props()).failures
    assert failure.property == ""
    assert failure.reason == "service.conf:1: no such option, near [secret]"


def test_a_refusal_without_words_is_still_one(host: Host) -> None:
    host.verdict = (3, "")
    (failure,) = provider.check({}, props()).failures
    assert failure.reason == "service exits with 3"


def test_what_was_validated_before_is_not_validated_again(host: Host) -> None:
    provider.check(props(), props())
    provider.check(props(), props(docker_host="unix:///other", labels={}, reload=[]))
    assert host.validations == 0
    provider.check({}, props())
    provider.create(props())
    assert host.validations == 1, "check and create of one run validate once"


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"service.conf": "listen 81"}},
        {"secret_files": {"token": "other"}},
        {"owner": 0.0},
        {"mount": "/etc/other"},
        {"image": "service:2"},
        {"validate": ["service", "check", "--strict"]},
    ],
)
def test_whatever_could_change_the_verdict_is_validated(
    host: Host, changed: dict[str, Any]
) -> None:
    provider.check(props(), props(**changed))
    assert len(host.ran) == 1


def test_a_candidate_that_is_not_known_yet_is_left_to_up(host: Host) -> None:
    unknown = pulumi.output.UNKNOWN
    for changed in (
        {"image": unknown},
        {"files": {"service.conf": unknown}},
        {"validate": ["service", unknown]},
    ):
        assert provider.check({}, props(**changed)).failures == []
    assert host.ran == []
    provider.check({}, props(volume=unknown))
    assert host.validations == 1, "the volume's name says nothing about its files"


def test_without_the_host_nothing_is_validated_and_the_containers_provider_tells_why(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.answers = False
    assert provider.check({}, props()).failures == []
    assert host.ran == []
    assert capsys.readouterr() == ("", "")


def test_without_the_image_preview_says_once_that_it_did_not_validate(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.has_image = False
    for name in ("a", "b"):
        assert provider.check({}, props(files={name: ""})).failures == []
    assert provider.check({}, props(validate=[])).failures == []
    assert host.ran == []
    assert capsys.readouterr().err == (
        "service:1 isn't on the host yet: its files are validated by `up`, before they are "
        "written\n"
    )


# What a service says

REASON = "components.caddy_reason"
CADDY_SAYS = """\
{"level":"info","ts":1,"msg":"using config from file","file":"/etc/service/current/Caddyfile"}
{"level":"error","ts":2,"msg":"adapting config using caddyfile: \
/etc/service/current/Caddyfile:5: unrecognized directive: respnod"}"""
# As its admin endpoint answers a reload.
CADDY_REFUSES = """\
{"level":"warn","ts":1,"msg":"Caddyfile input is not formatted","line":8}
{"level":"error","ts":2,"msg":"sending configuration to instance: caddy responded with error: \
HTTP 400: {\\"error\\":\\"loading new config: listen 192.0.2.7:80: no such address\\"}\\n"}
"""


def test_of_caddys_log_only_the_reason_is_shown_with_the_file_by_its_own_name(host: Host) -> None:
    host.verdict = (1, CADDY_SAYS)
    (failure,) = provider.check({}, props(validate=["caddy", "validate"], reason=REASON)).failures
    assert failure.reason == "Caddyfile:5: unrecognized directive: respnod"


def test_of_a_reload_that_caddy_refuses_only_the_reason_is_shown(host: Host) -> None:
    host.running = [Running("service:1", refuses=CADDY_REFUSES)]
    with pytest.raises(engine.EngineError) as caught:
        provider.update("the-volume", stored(), props(reload=["caddy", "reload"], reason=REASON))
    assert str(caught.value) == (
        "the running service refused the new files, so the old ones were put back: loading new "
        "config: listen 192.0.2.7:80: no such address"
    )


def test_of_any_other_service_everything_is_shown(host: Host) -> None:
    host.verdict = (1, CADDY_SAYS)
    (failure,) = provider.check({}, props()).failures
    assert failure.reason == CADDY_SAYS


def test_files_that_a_person_wrote_are_called_as_the_person_calls_them(host: Host) -> None:
    host.verdict = (1, "/etc/service/current/rules/mine.yml: 5:11: unexpected end")
    (failure,) = provider.check({}, props(shown_as="config/service")).failures
    assert failure.reason == "config/service/rules/mine.yml: 5:11: unexpected end"


def test_a_secret_is_not_quoted_where_caddys_log_writes_it_in_other_letters(host: Host) -> None:
    said = {"level": "error", "msg": f'Error near key "{SECRET}"'}
    host.verdict = (1, json.dumps(said))
    secret_files = {"users": f'key "{SECRET}"\n'}
    changed = props(validate=["caddy", "validate"], reason=REASON, secret_files=secret_files)
    (failure,) = provider.check({}, changed).failures
    assert failure.reason == "Error near [secret]"


def test_a_line_of_a_secret_file_is_not_quoted(host: Host) -> None:
    secret_files = {"users": f"{{\nada:{SECRET}-1\n  bob:{SECRET}-2\n}}\n"}
    host.verdict = (1, f"users:3: bad hash: bob:{SECRET}-2 {{")
    (failure,) = provider.check({}, props(secret_files=secret_files)).failures
    assert failure.reason == "users:3: bad hash: [secret] {"


def test_half_a_secret_is_not_left_where_a_long_text_is_cut(host: Host) -> None:
    for kept in range(len(SECRET)):
        host.verdict = (1, SECRET + "x" * (2000 - kept))
        (failure,) = provider.check({}, props()).failures
        assert "9" not in failure.reason
        assert len(failure.reason) <= 2000


# Diff


@pytest.mark.parametrize(
    ("changed", "replaces"),
    [
        ({"files": {}}, []),
        ({"secret_files": {}}, []),
        ({"folders": {"": {"path": "sites/a", "digest": "1"}}}, []),
        ({"owner": 0.0}, []),
        ({"mount": "/etc/other"}, ["mount"]),
        ({"volume": "other"}, ["volume"]),
        ({"docker_host": "ssh://the-same-host"}, []),
    ],
)
def test_what_changes_the_volume_is_a_change(changed: dict[str, Any], replaces: list[str]) -> None:
    diff = provider.diff("the-volume", stored(), props(**changed))
    assert (diff.changes, diff.replaces) == (True, replaces)


def test_what_leaves_the_volume_as_it_is_is_none() -> None:
    changed = props(image="service:2", labels={}, validate=[], reload=[])
    assert provider.diff("the-volume", stored(), changed).changes is False


# Create and update: write, reload, roll back


def test_files_are_written_beside_the_old_ones_and_switched_in(host: Host) -> None:
    outs = provider.create(props()).outs
    assert outs == stored()
    validation, switch = host.ran
    assert validation == "service check"
    (release,) = {name.rpartition("/")[0] for name in host.written}
    assert release.startswith(f"releases/{stored()['digest'][:12]}-")
    assert f"ln -s {release} current.new && mv -T current.new current" in switch
    assert host.written == {
        f"{release}/service.conf": b"listen 80",
        f"{release}/token": SECRET.encode(),
    }


def test_two_writes_of_the_same_files_never_share_a_release(host: Host) -> None:
    """Else mending a file edited by hand would write into what the service reads."""
    provider.create(props())
    first = set(host.written)
    provider.create(props())
    assert first.isdisjoint(host.written)


def test_a_bad_candidate_is_not_written(host: Host) -> None:
    host.verdict = (1, f"bad, near {SECRET}")
    with pytest.raises(engine.EngineError, match=r"^bad, near \[secret\]$"):
        provider.create(props())
    assert host.ran == ["service check"]


def test_running_services_of_the_image_reload_and_others_are_left_alone(host: Host) -> None:
    """A container of another image is about to be replaced, and may not understand the files; one
    that only looks at them has others of its own, which may be lost.
    """
    mine, other = Running("service:1"), Running("service:0")
    looker = Running("service:1", at="/elsewhere", refuses="no files of my own")
    host.running = [other, looker, mine]
    provider.update("the-volume", stored(), props())
    assert (mine.reloads, other.reloads, looker.reloads) == ([["service", "reload"]], [], [])


def test_a_refused_reload_puts_the_old_files_back_and_fails(host: Host) -> None:
    host.running = [Running("service:1", refuses=f"no such option {SECRET}\n")]
    with pytest.raises(engine.EngineError) as caught:
        provider.update("the-volume", stored(), props())
    assert str(caught.value) == (
        "the running service refused the new files, so the old ones were put back: "
        "no such option [secret]"
    )
    *_, back = host.ran
    assert "ln -s releases/old-1 current.new && mv -T current.new current && rm -rf" in back


def test_a_folder_with_a_link_elsewhere_stops_the_program_naming_both(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    args = VolumeFilesArgs(
        docker_host="unix:///d",
        volume="v",
        mount="/srv",
        image="i",
        files=Files(folders={"": tmp_path}),
    )
    with pytest.raises(pulumi.RunError, match=f"^{tmp_path} can't be served: link is a link that "):
        VolumeFiles("x", args)


def test_a_folder_that_changes_during_the_update_stops_it(host: Host, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("old")
    folders = {
        "": {"path": str(tmp_path), "digest": file_tree.digest(file_tree.read_folder(tmp_path))}
    }
    provider.create(props(folders=folders))
    assert b"old" in host.written.values()
    (tmp_path / "page").write_text("new")
    with pytest.raises(ToldError, match=f"^{tmp_path} changed during the update; run it"):
        provider.create(props(folders=folders))


# Read: drift


def read(state: dict[str, Any]) -> dict[str, Any]:
    """What `pulumi refresh` finds."""
    outs = provider.read("the-volume", state).outs
    assert outs is not None
    return outs


def test_files_as_they_were_written_are_no_drift(host: Host) -> None:
    host.current = tree_of(props())
    assert read(stored()) == stored()


def test_a_lost_volume_is_gone(host: Host) -> None:
    host.has_volume = False
    assert provider.read("the-volume", stored()).id == ""
    assert host.ran == [], "a container that mounts a missing volume would make it"


EDITED = Entry(b"listen 81")


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        ({"service.conf": EDITED}, {"files": {"service.conf": "listen 81"}}),
        ({"service.conf": None}, {"files": {}}),
        ({"token": EDITED}, {"secret_files": {"token": "changed on the host"}}),
        ({"token": None}, {"secret_files": {"token": "changed on the host"}}),
        (
            {"extra": EDITED},
            {
                "files": {
                    "service.conf": "listen 80",
                    "(files, owners or modes)": "changed on the host",
                }
            },
        ),
        (
            {"token": Entry(SECRET.encode(), 1000, 0o444)},
            {
                "files": {
                    "service.conf": "listen 80",
                    "(files, owners or modes)": "changed on the host",
                }
            },
        ),
    ],
)
def test_what_was_changed_by_hand_is_shown_and_the_next_up_mends_it(
    host: Host, edit: dict[str, Entry | None], shown: dict[str, Any]
) -> None:
    host.current = {p: e for p, e in (tree_of(props()) | edit).items() if e is not None}
    outs = read(stored())
    assert outs == stored() | shown | {"digest": outs["digest"]}
    assert provider.diff("the-volume", outs, props()).changes is True


def test_what_another_state_wrote_as_it_is_wanted_now_is_no_drift_any_more(host: Host) -> None:
    wanted = props(files={"service.conf": "listen 81"})
    host.current = tree_of(wanted)
    outs = read(stored())
    assert outs == stored() | wanted | {"digest": file_tree.digest(host.current)}
    assert provider.diff("the-volume", outs, wanted).changes is False
    assert read(outs) == outs


def test_a_change_in_a_folder_is_shown_as_the_folders(host: Host, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("old")
    tree = file_tree.read_folder(tmp_path)
    folders = {"": {"path": str(tmp_path), "digest": file_tree.digest(tree)}}
    state = props(folders=folders) | {"digest": file_tree.digest(tree | tree_of(props()))}
    host.current = tree | tree_of(props())
    assert read(state) == state
    host.current["page"] = EDITED
    assert read(state)["folders"] == {"": {"path": "", "digest": "changed on the host"}}


def test_a_lost_link_means_that_the_service_sees_nothing(host: Host) -> None:
    host.current = {}
    outs = read(stored())
    assert outs["files"] == {}
    assert outs["secret_files"] == {"token": "changed on the host"}
