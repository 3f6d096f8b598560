"""Asking every URL through the public door, at the end of an update that changed something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_command as command


@dataclass(frozen=True, kw_only=True)
class SmokeProbeArgs:
    """When to ask. What to ask, the command reads from the stack's files."""

    stack: str
    after: Sequence[pulumi.Resource]
    """What has to be done before."""
    changes: Sequence[pulumi.Input[str]]
    """The probe runs again when one of these changes."""


class SmokeProbe(pulumi.ComponentResource):
    """A command on this machine that fails the update when a URL doesn't answer.

    It asks as a visitor would, with verified TLS, and waits up to a minute for an answer.
    """

    def __init__(
        self, name: str, args: SmokeProbeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:SmokeProbe", name, None, opts)
        command.local.Command(
            name,
            create=f"python3 -m commands probe --stack {args.stack}",
            triggers=list(args.changes),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.register_outputs({})
