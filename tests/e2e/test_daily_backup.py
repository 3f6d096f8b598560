"""The container that saves each day, with restic itself as the one who reads what was saved. The
tests run in this order.
"""

from __future__ import annotations

import json
import re
import secrets
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from docker.models.containers import Container
from hvac import exceptions

from commands.vault_api import is_snapshot
from tests.e2e.checkout import Checkout, Place
from tests.e2e.support import containers, vault
from tests.e2e.support.clean import stack_name
from tests.e2e.support.secrets_search import LeakSearch
from tests.e2e.support.waiting import wait_until
from tests.e2e.test_backup import AT_FOLDER, LONG_AGO, PASSWORD, Saving, restored

# A folder is for a local host.
pytestmark = pytest.mark.parametrize("place", ["socket"], indirect=True)

DAY = 86400


@dataclass
class Daily:
    """A stack that saves each day into a folder, and what a test asks of it."""

    checkout: Checkout
    folder: Path
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            "backup.password": PASSWORD,
            "backup.role_id": secrets.token_hex(16),
            "backup.secret_id": secrets.token_hex(32),
            "vault.seal_key": secrets.token_hex(32),
            "vault.role_id": secrets.token_hex(16),
            "vault.secret_id": secrets.token_hex(16),
        }
    )
    """By their path in the stack's file."""
    log: str = ""

    def container(self, component: str = "backup") -> Container:
        return containers.one(self.checkout.docker, self.checkout.label, component)

    def figures(self) -> dict[str, float]:
        """What the service tells, by name."""
        ask = "wget -q -O - http://backup:9120/metrics"
        text = containers.run_in(self.container("prometheus"), ask)
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        return {name.removeprefix("backup_"): float(value) for name, value in lines}

    def runs(self, before: float = 0) -> dict[str, float]:
        """Wait until a run has ended that began after another: the figures."""

        def ended() -> bool:
            figures = self.figures()
            return figures["last_run_timestamp_seconds"] > before

        wait_until(ended, "a run has ended")
        return self.figures()

    def again(self, *, week: bool = False, month: bool = False) -> dict[str, float]:
        """Have it believe that it saved two days ago, as after a night asleep, or did all a `week`
        ago, or tried a restore a `month` ago: the figures after the run that follows.
        """
        before = self.figures()["last_run_timestamp_seconds"]
        self.change_notes(
            {"done": -2 * DAY, "tried": -2 * DAY}
            | ({"pruned": -8 * DAY, "checked": -8 * DAY} if week else {})
            | ({"drilled": -31 * DAY} if month else {})
        )
        return self.runs(before)

    def change_notes(self, shifts: dict[str, int]) -> None:
        """Shift times that it remembers."""
        script = textwrap.dedent(f"""
            import json, pathlib
            file = pathlib.Path("/state/notes.json")
            notes = json.loads(file.read_text())
            for key, seconds in {json.dumps(shifts)}.items():
                notes[key] += seconds
            file.write_text(json.dumps(notes))""")
        containers.run_in(self.container(), f"python3 -c '{script}'")

    def alerts(self) -> set[str]:
        """The alerts of the backup that fire."""
        query = quote('ALERTS{alertname=~"Backup.*|RestoreUntested", alertstate="firing"}')
        said = containers.run_in(
            self.container("prometheus"),
            f"wget -q -O - 'http://127.0.0.1:9090/api/v1/query?query={query}'",
        )
        return {each["metric"]["alertname"] for each in json.loads(said)["data"]["result"]}

    def wait_for_alerts(self, *names: str) -> None:
        """Wait until these alerts fire, and no other of the backup."""
        wait_until(lambda: self.alerts() == set(names), f"{names} fire")


@pytest.fixture(scope="module")
def daily(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daily]:
    top: Path = tmp_path_factory.mktemp("daily")
    checkout = Checkout(top / "checkout", place, stack_name("daily"))
    folder = top / "repository"
    folder.mkdir()
    try:
        daily = Daily(checkout, folder)
        checkout.extra |= {
            "registry": {},
            "prometheus": {"interval": "2s"},
            "backup": {"repository": str(folder), "at": "03:17", "verify": "100%"},
        }
        checkout.configure()
        checkout.set_secrets(daily.secrets)
        with LeakSearch(daily.secrets) as search:
            daily.log = checkout.up().stdout
            daily.runs()
        search.assert_absent(
            state=json.dumps(checkout.state()),
            texts={"what was printed": daily.log},
            clients=[checkout.docker],
            stack=checkout.label,
            files=[checkout.folder / ".engine"],
        )
        yield daily
    finally:
        checkout.close()


def test_the_first_snapshot_follows_the_first_update_and_has_everything(daily: Daily) -> None:
    checkout = daily.checkout
    figures = daily.figures()
    assert (figures["last_run_exit_code"], figures["unread"]) == (0, 0)
    assert figures["newest_snapshot_timestamp_seconds"] >= figures["last_run_timestamp_seconds"] - 1
    saving = Saving(checkout, daily.folder)
    with saving.restic("restore", "latest", "--target", "/out", at=AT_FOLDER) as restic:
        found = restored(restic)
    root = found["data/proxy-data/caddy/pki/authorities/local/root.crt"][1]
    assert root.decode().strip() == checkout.ca.read_text().strip()
    assert is_snapshot(found["copies/vault/vault.snap"][1])
    assert json.loads(found["copies/stack/state.json"][1])["deployment"]["resources"]
    name = f"Pulumi.{checkout.stack}.yaml"
    assert found[f"copies/stack/{name}"][1] == (checkout.folder / name).read_bytes()
    assert not [path for path in found if ".coming" in path]


def test_a_second_update_changes_nothing(daily: Daily) -> None:
    daily.checkout.assert_changes_nothing()


def test_its_figures_are_scraped(daily: Daily) -> None:
    script = (
        "wget -q -O - "
        "'http://127.0.0.1:9090/api/v1/query?query=backup_newest_snapshot_timestamp_seconds'"
    )

    def value() -> float:
        said = json.loads(containers.run_in(daily.container("prometheus"), script))
        results = said["data"]["result"]
        return float(results[0]["value"][1]) if results else 0

    wait_until(
        lambda: value() == daily.figures()["newest_snapshot_timestamp_seconds"],
        "Prometheus has the time of the newest snapshot",
    )


def test_a_run_that_was_missed_is_made_up_for(daily: Daily) -> None:
    before = daily.figures()
    after = daily.again()
    assert after["last_run_exit_code"] == 0
    assert after["newest_snapshot_timestamp_seconds"] > before["newest_snapshot_timestamp_seconds"]


@pytest.mark.drill
def test_once_a_week_the_host_removes_what_is_too_old_and_reads_back(daily: Daily) -> None:
    assert daily.figures()["last_good_check_timestamp_seconds"] > 0
    saving = Saving(daily.checkout, daily.folder)
    host = ("--host", f"homeport-{daily.checkout.stack}")
    with saving.restic("backup", *host, "--time", LONG_AGO, "/etc/hosts", at=AT_FOLDER) as made:
        assert made.wait()["StatusCode"] == 0, made.logs()
    there = len(list((daily.folder / "snapshots").iterdir()))
    figures = daily.again(week=True)
    assert (figures["last_run_exit_code"], figures["check_failed"]) == (0, 0)
    assert figures["last_good_check_timestamp_seconds"] == figures["last_run_timestamp_seconds"]
    # One is new, and of those of today the last is kept.
    assert len(list((daily.folder / "snapshots").iterdir())) < there
    listed = daily.checkout.command("backups").stdout
    assert "2021-" not in listed


@pytest.mark.drill
def test_what_is_too_old_is_removed_by_hand_as_well(daily: Daily) -> None:
    saving = Saving(daily.checkout, daily.folder)
    host = ("--host", f"homeport-{daily.checkout.stack}")
    with saving.restic("backup", *host, "--time", LONG_AGO, "/etc/hosts", at=AT_FOLDER) as made:
        assert made.wait()["StatusCode"] == 0, made.logs()
    said = daily.checkout.command("backup-prune").stdout
    assert "2021-01-02 03:04" in said
    assert "snapshots removed: 1\n" in said
    assert daily.checkout.command("backup-prune").stdout == "no snapshot is too old; kept: 1\n"


def test_its_login_reads_the_vaults_snapshot_and_nothing_else(daily: Daily) -> None:
    checkout = daily.checkout
    address = (checkout.place.address, checkout.https)
    client = vault.connect("vault.localhost", address=address, ca=checkout.ca)
    client.auth.approle.login(
        daily.secrets["backup.role_id"], daily.secrets["backup.secret_id"], use_token=True
    )
    assert client.adapter.get("/v1/sys/storage/raft/snapshot").status_code == 200
    for path in ("sys/policies/acl/homeport-program", "auth/approle/role/homeport-backup"):
        with pytest.raises(exceptions.Forbidden):
            client.read(path)
    with pytest.raises(exceptions.Forbidden):
        client.write_data("auth/approle/role/homeport-backup/custom-secret-id", data={})


def test_the_program_makes_no_other_login(daily: Daily) -> None:
    checkout = daily.checkout
    client = vault.connect(
        "vault.localhost", address=(checkout.place.address, checkout.https), ca=checkout.ca
    )
    client.auth.approle.login(daily.secrets["vault.role_id"], daily.secrets["vault.secret_id"])
    for role in ("homeport-program", "shop.prod"):
        for kind in ("secret-id", "custom-secret-id", "role-id"):
            with pytest.raises(exceptions.Forbidden):
                client.write_data(f"auth/approle/role/{role}/{kind}", data={"secret_id": "x" * 20})


@pytest.mark.drill
def test_the_removal_of_images_waits_for_a_run(daily: Daily) -> None:
    container = daily.container()
    container.exec_run(["flock", "/state/lock", "sleep", "5"], detach=True)
    wait_until(
        lambda: container.exec_run(["flock", "-n", "/state/lock", "true"]).exit_code != 0,
        "somebody has the lock, as a run would",
    )
    said = daily.checkout.command("registry-gc").stdout
    assert "Waiting for backup to end…\n" in said
    assert re.search(r"Removing what no tag names: done in", said)
    assert containers.run_in(container, "ls /state/registry-gc || echo gone").endswith("gone\n")


def test_it_can_not_write_what_it_reads(daily: Daily) -> None:
    container = daily.container()
    refused = "touch /data/pypi/x || touch /data/proxy-data/x || touch /plan/x || echo refused"
    assert containers.run_in(container, f"({refused}) 2>/dev/null").endswith("refused\n")
    assert containers.run_in(container, "ls -d /var/run/docker.sock 2>/dev/null || echo none") == (
        "none\n"
    )


# What goes wrong, and who is told.


def test_no_alert_fires_while_all_is_well(daily: Daily) -> None:
    assert daily.again()["last_run_exit_code"] == 0
    daily.wait_for_alerts()


@pytest.mark.drill
def test_a_vault_that_gives_no_snapshot_is_told_and_all_else_is_saved(daily: Daily) -> None:
    daily.container("vault").stop(timeout=5)
    figures = daily.again()
    assert (figures["last_run_exit_code"], figures["unread"]) == (3, 1)
    daily.wait_for_alerts("BackupIncomplete")
    daily.container("vault").start()
    containers.wait_healthy(daily.checkout.docker, daily.checkout.label, "vault")
    daily.again()
    daily.wait_for_alerts()


@pytest.mark.drill
def test_a_snapshot_that_shrank_is_told(daily: Daily) -> None:
    pypi = daily.container("pypi")
    big = "head -c 60000000 /dev/urandom >/state/big.bin; touch -d '-1 hour' /state/big.bin"
    containers.run_in(pypi, big)
    assert daily.again()["newest_snapshot_bytes"] > 60_000_000
    containers.run_in(pypi, "rm /state/big.bin")
    daily.again()
    daily.wait_for_alerts("BackupShrank")
    daily.again()
    daily.wait_for_alerts()


@pytest.mark.drill
def test_a_layer_that_is_lost_is_told_by_a_trial_restore(daily: Daily) -> None:
    registry, digest = daily.container("registry"), "ab" * 32
    blob = f"blobs/sha256/ab/{digest}"
    pushed = f"""
        cd /state/docker/registry/v2; tag=repositories/app/_manifests/tags/1/current
        mkdir -p {blob} $tag; printf layer >{blob}/data; printf sha256:{digest} >$tag/link"""
    containers.run_in(registry, f"mkdir -p /state/docker/registry/v2; {pushed}")
    assert daily.again(month=True)["drill_failed"] == 0
    assert "last good trial restore: 0 min ago\n" in daily.checkout.command("backups").stdout
    containers.run_in(registry, f"cd /state/docker/registry/v2; rm -r {blob}")
    assert daily.again(month=True)["drill_failed"] == 1
    daily.wait_for_alerts("RestoreUntested")
    assert "tags/1/current/link in registry.tar names nothing" in daily.container().logs().decode()
    said = daily.checkout.command("backups").stdout
    assert "d ago; the last one failed (docs/runbooks/RestoreUntested.md)\n" in said
    assert containers.run_in(daily.container(), "ls -d /state/drill || echo gone").endswith(
        "gone\n"
    )
    containers.run_in(registry, pushed)
    assert daily.again()["drill_failed"] == 0
    daily.wait_for_alerts()
    containers.run_in(registry, "rm -r /state/docker")


@pytest.mark.drill
def test_a_flipped_byte_is_told(daily: Daily) -> None:
    daily.again(week=True)  # so that every pack is of a snapshot that is kept
    packs = [file for file in (daily.folder / "data").rglob("*") if file.is_file()]
    pack = max(packs, key=lambda file: file.stat().st_size)
    _flip(pack)
    assert daily.again(week=True)["check_failed"] == 1
    daily.wait_for_alerts("BackupDamaged")
    _flip(pack)
    assert daily.again()["check_failed"] == 0
    daily.wait_for_alerts()


def _flip(file: Path) -> None:
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


@pytest.mark.drill
def test_a_repository_that_is_emptied_behind_our_back_is_told(daily: Daily) -> None:
    daily.change_notes({"began": -2 * DAY})
    away = daily.folder.parent / "away"
    away.mkdir()
    for snapshot in (daily.folder / "snapshots").iterdir():
        snapshot.rename(away / snapshot.name)
    daily.container().restart()  # it looks at its start, and else each hour
    daily.wait_for_alerts("BackupOld")
    assert daily.figures()["newest_snapshot_timestamp_seconds"] == 0
    for snapshot in away.iterdir():
        snapshot.rename(daily.folder / "snapshots" / snapshot.name)
    daily.container().restart()
    daily.wait_for_alerts()


@pytest.mark.drill
def test_a_credential_that_fails_is_told_and_tried_again_later(daily: Daily) -> None:
    """The plan is a file that the service reads again, so no container is replaced."""
    checkout = daily.checkout
    before = checkout.ids()
    checkout.set_secrets({"backup.password": "another-" + secrets.token_hex(12)})
    checkout.up()
    assert checkout.ids() == before
    newest = daily.figures()["newest_snapshot_timestamp_seconds"]
    figures = daily.again()
    assert figures["last_run_exit_code"] == 12
    assert figures["newest_snapshot_timestamp_seconds"] == newest
    assert "wrong password" in daily.container().logs().decode()
    checkout.set_secrets({"backup.password": PASSWORD})
    checkout.up()


def test_without_a_time_nothing_of_it_is_left(daily: Daily) -> None:
    checkout = daily.checkout
    section = dict(checkout.extra["backup"])  # type: ignore[call-overload]
    del section["at"]
    checkout.extra["backup"] = section
    checkout.configure()
    checkout.apply()
    there = checkout.docker.containers.list(all=True, filters=containers.labelled(checkout.label))
    assert "backup" not in {c.labels["homeport.component"] for c in there}
    volumes = checkout.docker.volumes.list(filters=containers.labelled(checkout.label))
    assert not [v.name for v in volumes if str(v.name).startswith("backup-")]
    client = vault.connect(
        "vault.localhost", address=(checkout.place.address, checkout.https), ca=checkout.ca
    )
    with pytest.raises(exceptions.InvalidRequest):
        client.auth.approle.login(
            daily.secrets["backup.role_id"], daily.secrets["backup.secret_id"]
        )
    assert list((daily.folder / "snapshots").iterdir()), "what was saved stays"
