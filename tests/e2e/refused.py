"""Files that stop in preview: what is said of them, and that nothing on the host changes."""

from __future__ import annotations

from collections.abc import Mapping

from tests.e2e.checkout import Checkout
from tests.e2e.support import containers


def refused_preview(estate: Checkout, sites: Mapping[str, str]) -> str:
    """What a preview of these site files says, which changes nothing on the host."""
    before = containers.leftovers(estate.docker, estate.label)
    files = [estate.write_site(name, text) for name, text in sites.items()]
    try:
        done = estate.pulumi("preview", check=False)
    finally:
        for file in files:
            file.unlink()
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert containers.leftovers(estate.docker, estate.label) == before
    return done.stdout


def assert_names(output: str, site: str, number: int | None, said: str) -> None:
    """One line of the output names the site's file and line, and what is wrong there."""
    place = f"config/sites/{site}.yaml" + (f":{number}:" if number else "")
    assert [line for line in output.splitlines() if place in line and said in line], output
