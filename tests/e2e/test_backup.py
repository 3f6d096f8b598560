"""`make backup` and `make backups`, with restic itself as the one who reads what was saved. The
tests run in this order.
"""

from __future__ import annotations

import json
import re
import secrets
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
import yaml
from docker.models.containers import Container

from commands.vault_api import is_snapshot
from tests.e2e.checkout import ROOT, Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.rest_server import PORT, rest_server
from tests.e2e.support.s3_server import PROGRAM, s3_server
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.sftp_server import sftp_server
from tests.e2e.support.waiting import wait_until

# A folder is for a local host. Over SSH the image takes another way, which test_official has.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

SERVER, USER = "backups", "prod"
PASSWORD, CREDENTIAL = (f"{name}-{secrets.token_hex(12)}" for name in ("planted", "credential"))
FILES = {
    "pypi": """
        echo old >/state/old-1.0.tar.gz; echo young >'/state/young-[1].tar.gz'
        chmod 640 /state/old-1.0.tar.gz; touch -d '2026-01-02 03:04:05' /state/old-1.0.tar.gz
        touch -d '+1 hour' /state/young*""",
    "registry": """
        cd /state; top=docker/registry/v2
        mkdir -p $top/repositories/app/_uploads/half $top/repositories/app/_manifests $top/blobs
        echo link >$top/repositories/app/_manifests/link; echo blob >$top/blobs/data
        echo half >$top/repositories/app/_uploads/half/data""",
}
"""What the components have, by who writes it."""


@dataclass
class Saving:
    """A stack that is up, with a folder for backups."""

    checkout: Checkout
    folder: Path
    told: str = ""
    """All that the commands printed."""
    image: str = field(
        default_factory=lambda: str(
            yaml.safe_load((ROOT / "config/images.yaml").read_text())["backup"]
        )
    )

    def into(self, repository: str, password: str = PASSWORD, **env: str) -> None:
        """Write the section of the stack's file. `env` is what else opens the repository."""
        checkout = self.checkout
        checkout.configure(backup={"repository": repository})
        before = dict(checkout.extra)
        given = {"password": password, "env.RESTIC_REST_USERNAME": USER}
        given["env.RESTIC_REST_PASSWORD"] = CREDENTIAL
        given |= {f"env.{name}": value for name, value in env.items()}
        checkout.set_secrets({f"backup.{key}": value for key, value in given.items()})
        checkout.extra = before

    def run(self, name: str) -> tuple[int, str]:
        """What `make NAME` ends with, and what it prints."""
        done = self.checkout.command(name, check=False)
        self.told += done.stdout
        return done.returncode, done.stdout

    @contextmanager
    def restic(
        self, *arguments: str, at: Mapping[str, str], network: str = "none"
    ) -> Iterator[Container]:
        """A container in which restic ended, on a folder or a server."""
        container = self.checkout.docker.containers.create(
            self.image,
            entrypoint=["restic"],
            command=["--no-cache", *arguments],
            volumes={str(self.folder): {"bind": "/repository", "mode": "rw"}},
            network_mode=network,
            environment={"RESTIC_PASSWORD": PASSWORD, **at},
            labels=containers.of_this_run(),
        )
        try:
            container.start()
            container.wait(timeout=120)
            yield container
        finally:
            container.remove(force=True)

    def services(self) -> str:
        """The name of the network on which services find each other."""
        client, label = self.checkout.docker, self.checkout.label
        there = client.networks.list(filters=containers.labelled(label))
        (name,) = [str(n.name) for n in there if str(n.name).startswith("services-")]
        return name


LONG_AGO = "2021-01-02 03:04:05"
AT_FOLDER = {"RESTIC_REPOSITORY": "/repository"}


@pytest.fixture(scope="module")
def saving(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saving]:
    top: Path = tmp_path_factory.mktemp("backup")
    checkout = Checkout(top / "checkout", place, stack_name("backup"))
    try:
        checkout.extra["registry"] = {}
        checkout.configure()
        checkout.command("vault-key")
        file = yaml.safe_load((checkout.folder / f"Pulumi.{checkout.stack}.yaml").read_text())
        checkout.extra["vault"] = file["config"]["homeport:vault"]
        checkout.up()
        for component, script in FILES.items():
            containers.run_in(containers.one(checkout.docker, checkout.label, component), script)
        (top / "repository").mkdir()
        yield Saving(checkout, top / "repository")
    finally:
        checkout.close()


@pytest.fixture(scope="module")
def server(saving: Saving) -> Iterator[str]:
    """The URL of a server that deletes nothing, as the stack's file names it."""
    client, network = saving.checkout.docker, saving.services()
    with rest_server(client, saving.image, network, alias=SERVER, user=USER, password=CREDENTIAL):
        yield f"rest:http://{SERVER}:{PORT}/"


def test_data_is_saved_in_a_folder_while_everything_runs(saving: Saving) -> None:
    saving.into(str(saving.folder))
    before = saving.checkout.ids()
    code, said = saving.run("backup")
    assert code == 0, said
    assert "made a new repository\n" in said
    assert re.search(
        r"saved snapshot [0-9a-f]{8}: [0-9.]+ MiB, of which [0-9.]+ MiB ", said, re.MULTILINE
    )
    assert saving.checkout.ids() == before


def test_the_snapshot_has_everything_as_it_was(saving: Saving) -> None:
    checkout = saving.checkout
    with saving.restic("restore", "latest", "--target", "/out", at=AT_FOLDER) as restic:
        found = restored(restic)
    package = found["data/pypi/old-1.0.tar.gz"]
    assert package[1] == b"old\n"
    there = {
        info.name: info
        for info, _ in containers.volume_files(checkout.docker, f"homeport-{checkout.stack}-pypi")
    }["old-1.0.tar.gz"]
    assert _identity(package[0]) == _identity(there)
    assert there.mode & 0o777 == 0o640
    root = found["data/proxy-data/caddy/pki/authorities/local/root.crt"][1]
    assert root.decode().strip() == checkout.ca.read_text().strip()
    assert found["data/registry/docker/registry/v2/blobs/data"][1] == b"blob\n"
    assert is_snapshot(found["copies/vault/vault.snap"][1])
    state = json.loads(found["copies/stack/state.json"][1])
    assert state["deployment"]["resources"]
    name = f"Pulumi.{checkout.stack}.yaml"
    assert found[f"copies/stack/{name}"][1] == (checkout.folder / name).read_bytes()
    with tempfile.TemporaryFile() as file:
        file.write(found["copies/registry.tar"][1])
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            links = {entry.name for entry in tar}
    assert "docker/registry/v2/repositories/app/_manifests/link" in links
    absent = ("_uploads", "registry/v2/repositories", "caddy/locks", "access.log", "young-")
    assert [path for path in [*found, *links] for word in absent[:1] if word in path] == []
    assert [path for path in found for word in absent if word in path] == []


def test_a_second_run_adds_little_and_both_are_listed(saving: Saving) -> None:
    code, said = saving.run("backup")
    assert code == 0, said
    assert "made a new repository" not in said
    found = re.search(r": ([0-9.]+) MiB, of which ([0-9.]+) MiB are new", said)
    assert found
    assert float(found[2]) < float(found[1])
    code, said = saving.run("backups")
    assert code == 0, said
    head, *rows = said.splitlines()
    assert head.split() == ["SNAPSHOT", "MADE", "(UTC)", "AGE", "SIZE"]
    assert len(rows) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}  20\S+ \S+  \d+ min +[0-9.]+ MiB", row) for row in rows)


def test_a_wrong_password_is_a_sentence(saving: Saving) -> None:
    saving.into(str(saving.folder), "p" * 20)
    for command in ("backup", "backups"):
        code, said = saving.run(command)
        assert code == 12
        assert said.splitlines()[-1] == (
            "homeport:backup.password doesn't open homeport:backup.repository "
            f"({saving.folder}); set the password that it was made with, or name another repository"
        )


@pytest.mark.drill
def test_a_run_that_is_cut_off_is_made_up_for_by_the_next(saving: Saving) -> None:
    """As by a power cut: nobody is told to end, and a lock stays."""
    saving.into(str(saving.folder))
    checkout, locks = saving.checkout, saving.folder / "locks"
    containers.run_in(
        containers.one(checkout.docker, checkout.label, "pypi"),
        "cd /state; head -c 96M /dev/urandom >large-1.0.tar.gz; "
        "touch -d '2026-01-02 03:04:05' large-1.0.tar.gz",
    )
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(saving.run, "backup")
        wait_until(lambda: any(locks.iterdir()), "data is being saved", every=0.01)
        checkout.docker.containers.get(f"homeport-{checkout.stack}-backup").kill()
        code, said = run.result(timeout=120)
    assert code == 137, said
    assert any(locks.iterdir())
    code, said = saving.run("backup")
    assert code == 0, said
    with saving.restic("check", "--no-lock", at=AT_FOLDER) as check:
        assert check.wait()["StatusCode"] == 0, check.logs()


def test_a_server_that_only_keeps_takes_snapshots_and_deletes_none(
    saving: Saving, server: str
) -> None:
    saving.into(server)
    code, said = saving.run("backups")
    assert code == 10
    assert f"there is no repository at homeport:backup.repository ({server}) yet; `make" in said
    for _ in range(2):
        code, said = saving.run("backup")
        assert code == 0, said
    code, said = saving.run("backups")
    assert (code, len(said.splitlines())) == (0, 3)
    at = {
        "RESTIC_REPOSITORY": server,
        "RESTIC_REST_USERNAME": USER,
        "RESTIC_REST_PASSWORD": CREDENTIAL,
    }
    old = (
        "backup",
        "--host",
        f"homeport-{saving.checkout.stack}",
        "--time",
        LONG_AGO,
        "/etc/hosts",
    )
    with saving.restic(*old, at=at, network=saving.services()) as made:
        assert made.wait()["StatusCode"] == 0, made.logs()
    code, said = saving.run("backup-prune")
    assert code != 0
    assert re.search(r"\nstill there: \w{8}, \w{8}, because the server removes nothing", said)
    forget = ("forget", "--keep-last", "1", "--group-by", "")
    with saving.restic(*forget, at=at, network=saving.services()) as thief:
        assert "403 Forbidden" in thief.logs().decode()  # and the exit code is 0
    assert len(saving.run("backups")[1].splitlines()) == 4


@pytest.mark.drill
def test_a_server_that_does_not_answer_is_a_sentence(saving: Saving) -> None:
    saving.into("rest:http://nobody-is-here:8000/")
    code, said = saving.run("backup")
    assert code == 1
    assert "homeport:backup.repository (rest:http://nobody-is-here:8000/) can't be used: " in said
    assert "Traceback" not in said


def test_it_waits_for_the_removal_of_images_and_shows_no_secret(
    saving: Saving, server: str
) -> None:
    saving.into(server)
    checkout, client = saving.checkout, saving.checkout.docker
    name = f"homeport-{checkout.stack}-backup"
    removal = client.containers.run(
        saving.image,
        entrypoint=["sleep", "120"],
        name=f"homeport-{checkout.stack}-registry-gc",
        labels=containers.of_this_run(),
        detach=True,
    )
    markers = {"the password": PASSWORD, "the credential": CREDENTIAL}
    with LeakSearch(markers) as search, ThreadPoolExecutor(1) as thread:
        run = thread.submit(saving.run, "backup")
        try:
            wait_until(lambda: bool(client.containers.list(all=True, filters={"name": name})), name)
            shown = json.dumps(client.containers.get(name).attrs)
            time.sleep(3)  # it looks for the removal only once it has its own container
        finally:
            removal.remove(force=True)
        code, said = run.result(timeout=120)
    assert code == 0, said
    assert "Waiting for registry-gc to end…\n" in said
    search.assert_absent(
        state=json.dumps(checkout.state()),
        texts={"docker inspect of the backup": shown, "what was printed": saving.told},
        clients=[client],
        stack=checkout.label,
        files=[checkout.folder / ".engine"],
    )
    with pytest.raises(docker.errors.NotFound):
        client.containers.get(name)


def test_a_server_over_sftp_is_known_by_its_key(saving: Saving, tmp_path: Path) -> None:
    client, network = saving.checkout.docker, saving.services()
    with sftp_server(client, saving.image, network, alias="disk", folder=tmp_path) as disk:
        saving.into(disk.repository, SFTP_KEY=disk.key, SFTP_KNOWN_HOST=disk.known_host)
        code, said = saving.run("backup")
        assert code == 0, said
        assert "made a new repository\n" in said
        stranger = f"disk {(tmp_path / 'key.pub').read_text()}"
        saving.into(disk.repository, SFTP_KEY=disk.key, SFTP_KNOWN_HOST=stranger)
        for _ in range(3):
            code, said = saving.run("backups")
            assert code == 1
            if "so try again to read it" not in said:
                break
        assert f"homeport:backup.repository ({disk.repository}) can't be used: Host key " in said
    assert disk.key.splitlines()[1] not in saving.told


@pytest.mark.skipif(not PROGRAM.exists(), reason="gofakes3 is missing: setup/test-tools builds it")
def test_a_bucket_in_s3_keeps_it(saving: Saving) -> None:
    key = {"AWS_ACCESS_KEY_ID": "prod", "AWS_SECRET_ACCESS_KEY": CREDENTIAL}
    with s3_server(saving.checkout.own_address("services"), "backups") as bucket:
        saving.into(f"{bucket}/prod", **key)
        code, said = saving.run("backup")
        assert code == 0, said
        assert "made a new repository\n" in said
        code, said = saving.run("backups")
        assert (code, len(said.splitlines())) == (0, 2), said


def test_the_section_changes_nothing_on_the_host(saving: Saving) -> None:
    saving.into(str(saving.folder))
    saving.checkout.pulumi("preview", "--expect-no-changes")


def _identity(info: tarfile.TarInfo) -> tuple[int, int, int, float]:
    """Owner, group, mode and time. Some of Docker's tars have the kind of file in the mode."""
    return info.uid, info.gid, info.mode & 0o7777, info.mtime


def restored(container: Container) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """All files below `/out`, by their path there."""
    assert container.wait()["StatusCode"] == 0, container.logs()
    chunks, _ = container.get_archive("/out")
    with tempfile.TemporaryFile() as file:
        file.writelines(chunks)
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            return {
                info.name.removeprefix("out/"): (info, content.read())
                for info in tar
                if info.isfile() and (content := tar.extractfile(info))
            }
