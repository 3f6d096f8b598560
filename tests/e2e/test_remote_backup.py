"""The backup of a host over SSH, each day and by hand, on a server whose disk is full at first. The
tests run in this order.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker.models.containers import Container

from tests.e2e.checkout import WELCOME_MARKER, Checkout, Place
from tests.e2e.support import containers
from tests.e2e.support.clean import stack_name
from tests.e2e.support.rest_server import AT, PORT, rest_server
from tests.e2e.test_backup import PASSWORD, Saving
from tests.e2e.test_daily_backup import DAY, Daily

pytestmark = [
    pytest.mark.parametrize("place", ["ssh"], indirect=True),
    pytest.mark.drill,
]

SERVER, USER, CREDENTIAL = "backups", "prod", secrets.token_hex(12)
FILLER = f"{AT}/filler"


@dataclass(frozen=True)
class Far:
    """A stack on a second host, and the server that it saves to."""

    daily: Daily
    server: Container

    @property
    def checkout(self) -> Checkout:
        return self.daily.checkout


@pytest.fixture(scope="module")
def far(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    top: Path = tmp_path_factory.mktemp("far")
    checkout = Checkout(top / "checkout", place, stack_name("far"))
    try:
        checkout.extra["prometheus"] = {"interval": "2s"}
        checkout.configure()
        checkout.up()
        with rest_server(
            checkout.docker,
            checkout.image("backup"),
            Saving(checkout, top).services(),
            alias=SERVER,
            user=USER,
            password=CREDENTIAL,
            disk_mib=64,
        ) as server:
            containers.run_in(server, f"head -c 64M /dev/zero >{FILLER} 2>/dev/null || true")
            repository = f"rest:http://{SERVER}:{PORT}/"
            checkout.extra["backup"] = {"repository": repository, "at": "03:17"}
            checkout.configure()
            given = {"password": PASSWORD, "env.RESTIC_REST_USERNAME": USER}
            given["env.RESTIC_REST_PASSWORD"] = CREDENTIAL
            checkout.set_secrets({f"backup.{key}": value for key, value in given.items()})
            checkout.up()
            yield Far(Daily(checkout, top), server)
    finally:
        checkout.close()


def test_a_store_that_is_full_is_told_and_sites_go_on(far: Far) -> None:
    began = far.daily.figures()["began_timestamp_seconds"]
    figures = far.daily.runs()
    assert figures["last_run_exit_code"] == 28
    assert figures["last_run_timestamp_seconds"] - began < 120
    assert "507 Insufficient Storage" in far.daily.container().logs().decode()
    far.daily.change_notes({"began": -2 * DAY})
    far.daily.wait_for_alerts("BackupOld")
    far.checkout.serves(far.checkout.url("welcome", scheme="http"), WELCOME_MARKER)


def test_by_hand_it_is_a_sentence_within_a_minute(far: Far) -> None:
    """restic itself would try for a quarter of an hour."""
    began = time.monotonic()
    done = far.checkout.command("backup", check=False)
    assert time.monotonic() - began < 60
    assert done.returncode == 28
    assert done.stdout.splitlines()[-1] == (
        f"homeport:backup.repository (rest:http://{SERVER}:{PORT}/) can't be used: unexpected HTTP "
        "response (507): 507 Insufficient Storage; make room there "
        "(docs/how-to/restore.md#the-store-is-full)"
    )


def test_with_room_again_the_next_run_ends_well(far: Far) -> None:
    containers.run_in(far.server, f"rm {FILLER}")
    assert far.daily.again()["last_run_exit_code"] == 0
    far.daily.wait_for_alerts()
    assert containers.run_in(far.server, f"ls {AT}/locks") == "", "nobody is kept out"


def test_by_hand_it_is_saved_over_ssh_to_the_same_server(far: Far) -> None:
    assert "saved snapshot " in far.checkout.command("backup").stdout
    said = far.checkout.command("backups").stdout.splitlines()
    assert len(said) == 5
    assert said[3:] == ["last good check: 0 min ago", "last good trial restore: 0 min ago"]


def test_a_store_that_fills_again_is_listed_and_restored_from(far: Far) -> None:
    containers.run_in(far.server, f"head -c 64M /dev/zero >{FILLER} 2>/dev/null || true")
    assert far.checkout.command("backup", check=False).returncode == 28
    assert len(far.checkout.command("backups").stdout.splitlines()) == 5
    far.checkout.command("restore", "--only", "alertmanager")
    containers.run_in(far.server, f"rm {FILLER}")
    assert far.checkout.command("backup").returncode == 0
