from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.console.desk import Desk

Desks = Callable[[Mapping[str, str]], Desk]


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    """Desks with sites of the test's own."""
    made: list[Desk] = []

    def make(sites: Mapping[str, str]) -> Desk:
        (root := tmp_path / str(len(made))).mkdir()
        made.append(Desk(root, sites))
        return made[-1]

    yield make
    for desk in made:
        desk.leave()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.leave()
