"""The ways over from older checkouts, with their data."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.checkout import ROOT, WELCOME_MARKER, Checkout, this_machine
from tests.e2e.support.clean import stack_name
from tests.unpacking import unpack

# The last commit whose dynamic resources all stood in components/.
BEFORE_ROOMS = "66299c07ccb6e34bba4c62428d46a5008c8aca5f"
# The last one whose gateway was two Caddys, and all of whose sites had containers.
TWO_CADDYS = "2223ac8e7abe4a2660803519935f02ae1bcca903"
CODE = ("Pulumi.yaml", "__main__.py", "commands", "components", "composition", "config", "setup")
LATER = ("host", "values")
"""What wasn't there before the rooms."""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "checkout", this_machine(), stack_name("older"))
    try:
        yield checkout
    finally:
        checkout.close()


def older(checkout: Checkout, folder: Path, commit: str, code_of_it: Sequence[str]) -> Path:
    """The same stack's checkout, with the code of before."""
    code = subprocess.run(
        ["git", "-c", "safe.directory=*", "archive", commit, *code_of_it],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if code.returncode:
        pytest.skip(f"this clone doesn't have the commit {commit}")
    shutil.copytree(checkout.folder, folder, symlinks=True)
    for name in (*CODE, *LATER):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with tarfile.open(fileobj=io.BytesIO(code.stdout)) as archive:
        unpack(archive, folder)
    shutil.rmtree(folder / "config/sites")
    shutil.copytree(checkout.folder / "config/sites", folder / "config/sites")
    return folder


def test_a_stack_of_an_older_checkout_comes_over_with_its_data(
    checkout: Checkout, tmp_path: Path
) -> None:
    here = checkout.folder
    there = older(checkout, tmp_path / "older", BEFORE_ROOMS, CODE)
    checkout.folder = there
    checkout.up()
    authority = checkout.ca.read_text()
    before = checkout.ids()

    checkout.folder = here
    for command in ("up", "preview", "drift", "down"):
        done = checkout.command(command, check=False)
        assert done.returncode != 0
        assert "was made by an older checkout" in done.stdout
        assert f"`make down STACK={checkout.stack}`" in done.stdout
    assert checkout.ids() == before

    checkout.folder = there
    checkout.command("down")
    checkout.folder = here
    checkout.up()
    checkout.serves(checkout.url("welcome"), WELCOME_MARKER)
    assert checkout.ca.read_text() == authority


def test_a_gateway_of_two_caddys_comes_over_by_an_update(
    checkout: Checkout, tmp_path: Path
) -> None:
    here = checkout.folder
    there = older(checkout, tmp_path / "older", TWO_CADDYS, (*CODE, *LATER))
    checkout.folder = there
    checkout.up()
    authority = checkout.ca.read_text()
    checkout.folder = here
    checkout.up()
    checkout.serves(checkout.url("welcome"), WELCOME_MARKER)
    assert checkout.ca.read_text() == authority
