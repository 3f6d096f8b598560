"""`VolumeFiles` with files that are bad, refused or secret, over the socket and over SSH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from components.caddy import ADMIN
from host import engine
from tests.e2e.checkout import ROOT, Place
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.secrets_search import LeakSearch

SECRET = "planted-secret-5d0e7a91"
SITE = "{{\n\tadmin {admin}\n}}\n:8081 {{\n\trespond {answer}\n}}\n"


class Program:
    """The test program in a folder of its own, with a stack whose configuration tests change."""

    def __init__(self, folder: Path, place: Place) -> None:
        shutil.copytree(ROOT / "tests/fixtures/volume_files_program", folder)
        (folder / ".state").mkdir()
        self.folder, self.stack = folder, stack_name(place.name)
        self.label = f"e2e-volume-files/{self.stack}"
        self.docker = docker.DockerClient(base_url=place.socket)
        self.environment = {
            **place.environment,
            "PATH": os.pathsep.join(
                [str(ROOT / ".venv/bin"), str(ROOT / ".engine/bin"), place.environment["PATH"]]
            ),
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(ROOT / ".engine"),
            "PULUMI_BACKEND_URL": f"file://{folder}/.state",
            "PULUMI_CONFIG_PASSPHRASE": "volume-files-passphrase",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self.pulumi("stack", "init", "--no-select")
        self.set("docker_host", place.docker_host)
        self.pulumi("config", "set", "--secret", "secret", stdin=SECRET)

    def set(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value)

    def pulumi(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", self.stack],
            cwd=self.folder,
            env=self.environment,
            input=stdin or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def up(self, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.pulumi("up", "--yes", "--skip-preview", check=check)

    def answer(self) -> str:
        """What the service answers, asked from inside."""
        service = containers.one(self.docker, self.label, "service")
        return containers.run_in(service, "wget -q -O - http://127.0.0.1:8081/")

    def files(self) -> dict[str, str]:
        """Every file of the volume, with its digest."""
        (files,) = containers.volume_digests(self.docker, self.label).values()
        return files


@pytest.fixture(scope="module")
def program(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    if place.name == "ssh":
        # The program brings images; this one is VolumeFiles alone.
        _carry_image(place)
    program = Program(tmp_path_factory.mktemp(f"files-{place.name}") / "program", place)
    try:
        yield program
    finally:
        containers.remove_all(program.docker, program.label)
        program.docker.close()


def test_a_secret_file_never_appears_anywhere(program: Program) -> None:
    program.set("caddyfile", SITE.format(admin=ADMIN, answer="one"))
    with LeakSearch({"the secret file": SECRET}) as search:
        log = program.pulumi("preview", "--diff").stdout + program.up().stdout
        log += program.pulumi("refresh", "--yes", "--diff").stdout
        state = program.pulumi("stack", "export").stdout
    assert program.answer() == "one"
    search.assert_absent(
        state=state,
        texts={"engine log": log},
        clients=[program.docker],
        stack=program.label,
        files=[program.folder],
    )
    service = containers.one(program.docker, program.label, "service")
    read = ["cat", "/etc/caddy/current/key"]
    assert engine.run_in(service, read, user="1000").output == SECRET.encode()
    assert engine.run_in(service, read, user="1001").code == 1


def test_a_bad_line_stops_in_preview_and_changes_nothing(program: Program) -> None:
    before = (program.files(), containers.ids(program.docker, program.label))
    program.set("caddyfile", SITE.format(admin=ADMIN, answer="two").replace("respond", "respnod"))
    done = program.pulumi("preview", check=False)
    assert done.returncode != 0
    assert "Caddyfile:5: unrecognized directive: respnod" in done.stdout
    assert "Traceback" not in done.stdout
    assert SECRET not in done.stdout
    assert (program.files(), containers.ids(program.docker, program.label)) == before
    assert _throwaways(program) == []
    assert program.answer() == "one"


def test_without_validation_the_bad_line_would_have_passed_preview(program: Program) -> None:
    """The negative twin of the test above."""
    program.set("validated", "false")
    assert program.pulumi("preview", check=False).returncode == 0
    program.set("validated", "true")


def test_a_refused_reload_leaves_the_old_files_and_the_old_answer(program: Program) -> None:
    before = program.files()
    # Valid on paper; refused when the service tries to listen at an address that isn't its own.
    refused = SITE.format(admin=ADMIN, answer="three") + ":8082 {\n\tbind 192.0.2.7\n}\n"
    program.set("caddyfile", refused)
    assert program.pulumi("preview", check=False).returncode == 0
    done = program.up(check=False)
    assert done.returncode != 0
    assert "so the old ones were put back" in done.stdout
    assert "192.0.2.7" in done.stdout
    assert program.files() == before
    assert program.answer() == "one"


def test_the_next_good_files_are_live_without_a_restart(program: Program) -> None:
    before = containers.ids(program.docker, program.label)
    program.set("caddyfile", SITE.format(admin=ADMIN, answer="four"))
    program.up()
    assert program.answer() == "four"
    assert containers.ids(program.docker, program.label) == before
    assert _throwaways(program) == []


def test_the_search_finds_a_deliberate_leak(program: Program) -> None:
    with LeakSearch({"the secret file": SECRET}) as search:
        program.set("leak", "true")
        program.up()
    hits = search.found(clients=[program.docker], stack=program.label)
    assert any(hit.startswith("docker inspect service") for hit in hits)


def _throwaways(program: Program) -> list[str]:
    its = containers.labelled(program.label, containers.THROWAWAY)
    found = program.docker.containers.list(all=True, filters=its)
    return [str(container.name) for container in found]


def _carry_image(place: Place) -> None:
    here, there = docker.from_env(), docker.DockerClient(base_url=place.socket)
    if not there.images.list("caddy"):
        there.images.load(b"".join(here.images.get("caddy:2.11.7").save(named=True)))
    here.close()
    there.close()
