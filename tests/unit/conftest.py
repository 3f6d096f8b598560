"""The whole program, run once for each shape of a stack."""

import pytest

from tests.unit.program import ROOT, SHAPES, Graph, an_estate, run_main


@pytest.fixture(scope="session", params=SHAPES)
def graph(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The whole program, once for each shape of a stack."""
    stack, sites = SHAPES[request.param]
    root = ROOT if sites is None else an_estate(tmp_path_factory.mktemp("root"), sites)
    return run_main(stack, root)
