"""Waiting for a resource without depending on it."""

import pulumi
import pytest
from pulumi.dynamic import CreateResult, Resource, ResourceProvider
from pulumi.runtime import stack
from pulumi.runtime.rpc_manager import RPCManager

from host.continue_on_error import came_about, leave_dependents_of_failures
from tests.unit.program import Graph, run_program


class Nothing(ResourceProvider):
    def create(self, _props: object) -> CreateResult:
        return CreateResult("id")


class Part(Resource, module="homeport", name="Part"):
    def __init__(self, name: str, told: object = None, *needs: pulumi.Resource) -> None:
        props = {"told": told}
        super().__init__(Nothing(), name, props, pulumi.ResourceOptions(depends_on=[*needs]))


def whole(failing: str | None) -> Graph:
    """A part that needs another, and one that is told whether the first came about."""

    def program() -> None:
        leave_dependents_of_failures()
        first = Part("first", None, Part("needed"))
        Part("second", came_about(first).apply(str))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RPCManager, "do_rpc", RPCManager.do_rpc)  # so that both are put back
        patch.setattr(stack, "wait_for_rpcs", stack.wait_for_rpcs)
        return run_program(program, failing=failing)


@pytest.mark.parametrize(
    ("failing", "is_there"), [(None, "True"), ("::first", "False"), ("::needed", "False")]
)
def test_it_is_known_whether_a_resource_came_about(failing: str | None, is_there: str) -> None:
    """Also where it was never tried, as something that it needs failed."""
    (second,) = (r for r in whole(failing).resources if r.name == "second")
    assert second.inputs["told"] == is_there, "it goes on, whatever became of the first"


def test_who_is_told_depends_on_nothing() -> None:
    graph = whole(None)
    (first,), (second,) = (
        [r for r in graph.resources if r.name == name] for name in ("first", "second")
    )
    assert first.urn not in second.options.dependencies
    assert graph.resources.index(first) < graph.resources.index(second), "it was waited for"
