"""The whole program, run once for each shape of a stack."""

import gc

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
