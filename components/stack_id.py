"""An id of its own for each stack's state, so that two states never take each other's things.

The provider class is stored in the state by reference, as `components.stack_id`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import uuid
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class StackIdProvider(ResourceProvider):
    """Makes the id once; it never changes."""

    serialize_as_secret_always = False  # holds no values; a secret would be decrypted each time

    def create(self, _props: dict[str, Any]) -> CreateResult:
        value = uuid.uuid4().hex
        return CreateResult(value, outs={"value": value})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False)


class StackId(Resource, module="homeport", name="StackId"):
    """The id that every container and network carries as the label `homeport.state`.

    `make up` removes what carries it and isn't in the state, and refuses to touch what
    carries another one under the same stack's name.
    """

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(StackIdProvider(), name, {"value": None}, opts)
