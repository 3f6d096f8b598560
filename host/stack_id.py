"""An id of its own for each stack's state, so that two states never take each other's things.

The provider class is stored in the state by reference, as `host.stack_id`:
renaming this module or the class breaks every existing stack.
"""

from __future__ import annotations

import uuid

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    Resource,
)

from host import engine, reachability
from host.provider import Props, Provider
from values.command_line import make


class StackIdProvider(Provider):
    """Makes the id once; it never changes. Knows the engine by the id that Docker gave it."""

    def check(self, olds: Props, news: Props) -> CheckResult:
        # Pulumi gives the inputs of before, and no outputs: the engine's id is made an input.
        host = news["docker_host"]
        if not engine.reachable(host):
            reason = reachability.why_unreachable(host, news["stack"])
            bare = news["may_be_bare"] and reachability.DOCKER_MISSING in reason
            return CheckResult(news, [] if bare else [CheckFailure("", reason)])
        here, before = engine.identity(host), str(olds.get("docker_host", host))
        # A host that was bare when the stack was made is asked now.
        known = olds.get("engine") or (engine.reachable(before) and engine.identity(before))
        if known == here:
            return CheckResult({**news, "engine": here}, [])
        stack = news["stack"]
        problem = (
            f"homeport:docker_host is {host!r}, and stack {stack} stands on {before}, "
            f"another machine; nothing was changed. Set it back and `{make(stack, 'down')}` "
            "there first, or make a stack of another name for the new host; if that machine is "
            f"gone, `{make(stack, 'restore')}` brings the stack back from its backup"
        )
        return CheckResult(news, [CheckFailure("", problem)])

    def create(self, props: Props) -> CreateResult:
        value = uuid.uuid4().hex
        return CreateResult(value, outs={**props, "value": value})

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(changes=False)


class StackId(Resource, module="homeport", name="StackId"):
    """The id that every container and network carries as the label `homeport.state`.

    `make up` removes what carries it and isn't in the state, and refuses to touch what
    carries another one under the same stack's name. A preview stops where the host doesn't
    answer, and where `docker_host` leads to another machine than the one that the stack
    stands on; the same machine under another name is taken.
    """

    value: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        docker_host: str,
        may_be_bare: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`may_be_bare`: something that comes before installs Docker where it is missing."""
        props = {
            "stack": stack,
            "docker_host": docker_host,
            "may_be_bare": may_be_bare,
            "value": None,
        }
        super().__init__(StackIdProvider(), name, props, opts)
