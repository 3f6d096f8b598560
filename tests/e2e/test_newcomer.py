"""What a newcomer types, in a fresh clone and without root. The tests run in this order."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import WELCOME_MARKER
from tests.e2e.following import EXAMPLES
from tests.e2e.newcomer import Newcomer
from tests.e2e.support import containers
from tests.e2e.support.client import serves
from tests.e2e.support.path_shims import PathShims
from tests.e2e.support.waiting import wait_until

WORD = "homeport-local"

Times = dict[str, int]


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    with Newcomer() as newcomer:
        yield newcomer


@pytest.fixture(scope="module", autouse=True)
def own_pulumi(newcomer: Newcomer) -> Times:
    """The person's own ~/.pulumi, as it was before anything was typed."""
    return times(newcomer.home / ".pulumi")


def test_make_alone_lists_the_targets(newcomer: Newcomer) -> None:
    listed = re.findall(r"^make (\w+) +\S", newcomer.does("make").stdout, re.MULTILINE)
    typed = {"up", "preview", "down", "purge", "status", "logs", "ca", "trust", "check", "test"}
    assert typed <= set(listed)


def test_the_first_up_ends_with_urls_that_answer(newcomer: Newcomer) -> None:
    done = newcomer.does("make up", seconds=240)
    began = [line[:-1] for line in done.stderr.splitlines() if line.endswith("…")]
    ended = re.findall(r"^(.*): done in \d+ s$", done.stderr, re.MULTILINE)
    assert began == ended == ["Installing the Python packages into .venv"]
    url = f"http://welcome.localhost:{newcomer.http}"
    _, table = done.stdout.split("\n\nNAME ")
    assert re.match(rf" +URL\nwelcome +{re.escape(url)}\n", table)
    if not resolves("welcome.localhost"):
        *_, line = table.splitlines()
        assert line.startswith("127.0.0.1 ")
        assert {"welcome.localhost", "design.evanguelard.fr.localhost"} <= set(line.split())
    serves(url, WELCOME_MARKER, address=("127.0.0.1", newcomer.http))


def test_the_first_up_leaves_the_clone_clean(newcomer: Newcomer) -> None:
    assert newcomer.does("git status --porcelain").stdout == ""


def test_the_second_up_installs_builds_and_replaces_nothing(newcomer: Newcomer) -> None:
    before = containers.ids(newcomer.docker, newcomer.label)
    shims = PathShims(newcomer.make_new_folder("shims"))
    newcomer.does("make up", shims.environment(newcomer.environment))
    # The engine asks what is installed, by `pip list`, which answers in the log as well.
    assert [call for call in shims.calls() if '[{"name": ' not in call] == []
    assert containers.ids(newcomer.docker, newcomer.label) == before


def test_plain_pulumi_works_in_an_activated_shell(newcomer: Newcomer) -> None:
    done = newcomer.does(
        "set -e; source ./activate; pulumi stack select local; "
        "pulumi preview --expect-no-changes; pulumi up --yes --skip-preview; "
        "pulumi config set --secret test:word planted; pulumi config get test:word"
    )
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert done.stdout.endswith("\nplanted\n")
    file = newcomer.clone / "Pulumi.local.yaml"
    assert re.search(r"test:word:\s+secure: v1:", file.read_text())
    assert "planted" not in file.read_text()
    newcomer.does("source ./activate && pulumi config rm test:word")
    assert newcomer.does("git status --porcelain").stdout == ""


def test_the_local_word_makes_no_other_stack(newcomer: Newcomer) -> None:
    for line in (
        "pulumi stack init prod",
        f"PULUMI_CONFIG_PASSPHRASE={WORD} pulumi stack init other",
        "pulumi stack init other --copy-config-from local",
    ):
        done = newcomer.types(f"source ./activate; {line}")
        assert done.returncode != 0, line
        assert "passphrase must be set" in done.stderr, line
    assert stacks(newcomer) == ["local"]
    assert newcomer.does("git status --porcelain").stdout == ""


def test_the_program_refuses_another_stack_that_the_local_word_opens(newcomer: Newcomer) -> None:
    newcomer.does(
        "source ./activate; cp Pulumi.local.yaml Pulumi.other.yaml; echo "
        f"{WORD} >../word; engine=$(type -aP pulumi | sed -n 2p); "
        f"PULUMI_CONFIG_PASSPHRASE={WORD} $engine stack init other --no-select"
    )
    assert stacks(newcomer) == ["local", "other"]
    done = newcomer.types(
        "source ./activate; PULUMI_CONFIG_PASSPHRASE_FILE=../word pulumi preview -s other"
    )
    assert done.returncode != 0
    assert "stack other: its passphrase is the local stack's published word" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    newcomer.does("source ./activate; pulumi stack rm --yes other")


def test_status_shows_what_runs_and_answers(newcomer: Newcomer) -> None:
    shown = newcomer.does("make status").stdout
    assert re.search(r"^COMPONENT +HEALTH", shown)
    assert re.search(r"^proxy +healthy", shown, re.MULTILINE)
    assert re.search(rf"^http://welcome\.localhost:{newcomer.http} +200$", shown, re.MULTILINE)


def test_logs_of_an_unknown_component_name_those_that_there_are(newcomer: Newcomer) -> None:
    told = refusal(newcomer, "make logs NAME=nope")
    assert told.startswith("make logs NAME=…: nope is not a component that runs; there are: ")
    for name in ("proxy", "publisher", "registry", "vault", "welcome"):
        assert f" {name}" in told


def test_the_ca_verifies_the_stack(newcomer: Newcomer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(newcomer.does("make ca").stdout)
    serves(
        f"https://welcome.localhost:{newcomer.https}/",
        WELCOME_MARKER,
        address=("127.0.0.1", newcomer.https),
        ca=tmp_path / "ca.pem",
    )
    assert re.match(r"make .* ca .*\n", newcomer.does("make trust").stdout)


def test_the_six_example_sites_show_their_own_pages(newcomer: Newcomer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(newcomer.does("make ca").stdout)
    for location, marker in EXAMPLES.items():
        host, slash, path = location.partition("/")
        serves(
            f"https://{host}.localhost:{newcomer.https}{slash or '/'}{path}",
            marker,
            address=("127.0.0.1", newcomer.https),
            ca=tmp_path / "ca.pem",
        )


def test_prod_asks_for_nobody_elses_certificates(newcomer: Newcomer) -> None:
    told = refusal(newcomer, "make up STACK=prod")
    assert "these are the examples that come with Homeport; delete them" in told
    newcomer.does(f"rm {re.findall(r'config/sites/.*[.]yaml', told)[0].replace(',', '')}")


@pytest.mark.parametrize("target", ["up", "down"])
def test_another_stack_is_left_alone_without_a_terminal(newcomer: Newcomer, target: str) -> None:
    sentence = refusal(newcomer, f"make {target} STACK=prod")
    assert sentence.endswith(
        "stack prod needs a yes, and there is no terminal to ask at; give YES=1"
    )


def test_another_stack_wants_a_passphrase_of_its_own_and_a_host_that_answers(
    newcomer: Newcomer,
) -> None:
    sentence = refusal(newcomer, "YES=1 make up STACK=prod")
    assert "stack prod has no state" in sentence
    assert "`pulumi stack init --stack prod` makes one" in sentence
    newcomer.does("source ./activate; PULUMI_CONFIG_PASSPHRASE=own pulumi stack init prod")
    told = newcomer.types("YES=1 make up STACK=prod", seconds=30).stderr
    assert f"{newcomer.prod_host}: it can't be reached (" in told
    assert "Traceback" not in told


def test_a_busy_port_is_told_before_anything_is_deployed(newcomer: Newcomer) -> None:
    newcomer.does("make down")
    with newcomer.starts(f"exec python3 -m http.server --bind 127.0.0.1 {newcomer.http}") as other:
        wait_until(lambda: accepts(newcomer.http), "the port is busy")
        sentence = refusal(newcomer, "make up")
    assert re.fullmatch(
        rf"127\.0\.0\.1:{newcomer.http} is taken by python\S* \(process {other.pid}\); end it, or "
        rf"choose another port: {newcomer.project}:listen\.http in Pulumi\.local\.yaml",
        sentence,
    )
    assert containers.leftovers(newcomer.docker, newcomer.label) == volumes(newcomer)


def test_purge_deletes_only_with_a_yes(newcomer: Newcomer) -> None:
    sentence = refusal(newcomer, "make purge")
    assert (
        sentence
        == "purging stack local needs a yes, and there is no terminal to ask at; give YES=1"
    )
    assert containers.leftovers(newcomer.docker, newcomer.label) == volumes(newcomer)
    purged = newcomer.does("YES=1 make purge").stdout
    assert all(
        f"deleted {volume.removeprefix('volume ')}\n" in purged for volume in volumes(newcomer)
    )
    assert containers.leftovers(newcomer.docker, newcomer.label) == []


def test_all_of_it_left_the_own_pulumi_alone(newcomer: Newcomer, own_pulumi: Times) -> None:
    assert times(newcomer.home / ".pulumi") == own_pulumi


def times(folder: Path) -> Times:
    """When each thing in a folder was last changed."""
    paths = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def accepts(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0


DATA = [
    "alertmanager-data",
    "content",
    "prometheus-data",
    "proxy-data",
    "pypi",
    "registry",
    "vault-data",
]


def volumes(newcomer: Newcomer) -> list[str]:
    """The data volumes of the stack, as `leftovers` names them."""
    return [f"volume {newcomer.project}-local-{name}" for name in DATA]


def stacks(newcomer: Newcomer) -> list[str]:
    shown = newcomer.does("source ./activate; pulumi stack ls --json").stdout
    return re.findall(r'"name": "([^"]*)"', shown)


def refusal(newcomer: Newcomer, line: str) -> str:
    """The one sentence with which a line fails; make's own line follows it."""
    done = newcomer.types(line)
    assert done.returncode != 0, done.stdout
    told = done.stderr.splitlines()
    assert len(told) == 2, done.stderr
    assert told[1].startswith("make: ***"), done.stderr
    return told[0]
