"""The whole program, run once for each shape of a stack."""

import atexit
import gc
import os
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import configuration, settings

from tests.unit.program import ROOT, SHAPES, Graph, an_estate, every_service, run_main

# The same examples each time, however slow the machine is, and nothing in the checkout that git
# would show.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
configuration.set_hypothesis_home_dir(ROOT / ".pytest_cache" / "hypothesis")


# What is loaded before the first test stays to the end. Each collection of garbage would look
# through it.
gc.disable()

# What a worker holds at its end is the system's to free: the interpreter takes a second for it.
if "PYTEST_XDIST_WORKER" in os.environ:
    atexit.register(os._exit, 0)


_WAITING = {
    *("test_credentials", "test_docker", "test_editing", "test_pages", "test_publish"),
    *("test_publishing", "test_pulumi_cli", "test_runs", "test_scheduler", "test_service"),
}
"""Files whose tests wait for most of their time: for git, for processes, or for a moment."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread those that wait between the other files, so that no core waits with them, and among
    themselves, as those of one file wait longer than those of another. In a whole run none is
    near the end, when there is nothing else to do meanwhile.
    """
    if not all(item.path.is_relative_to(ROOT / "tests/unit") for item in items):
        return
    waiting = _mixed([item for item in items if item.path.stem in _WAITING])
    others = [item for item in items if item.path.stem not in _WAITING]
    spread: list[pytest.Item] = []
    for number, item in enumerate(others, 1):
        spread.append(item)
        if number == len(others) or others[number].path != item.path:
            due = len(waiting) * 10 * number // (9 * len(others))
            spread += waiting[len(spread) - number : due]
    items[:] = spread or waiting


def _mixed(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Items of several files, each file's in their order and far from each other."""
    files = groupby(items, key=lambda item: item.path)
    placed = [
        (number / len(own), item)
        for own in ([*each] for _, each in files)
        for number, item in enumerate(own)
    ]
    return [item for _, item in sorted(placed, key=itemgetter(0))]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Begin to collect what the tests leave behind."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", params=SHAPES)
def graph(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The whole program, once for each shape of a stack."""
    stack, sites, services = SHAPES[request.param]
    if sites is None:
        return every_service()
    root = an_estate(tmp_path_factory.mktemp("root"), sites)
    return run_main(stack, root, services=services)
