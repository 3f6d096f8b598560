"""What a bare host needs before containers can be declared on it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_command as command

from host.ssh_transport import shell


@dataclass(frozen=True, kw_only=True)
class HostPreparationArgs:
    """Which host, and the steps in their order."""

    docker_host: str
    """`unix:///…`, this machine, or `ssh://user@host`."""
    steps: Mapping[str, str]
    """Scripts for a POSIX shell on the host, by name. Each may run any number of times."""


class HostPreparation(pulumi.ComponentResource):
    """Runs each step on the host, over the person's own `ssh`, when it is new or has changed.

    Everything else about the host (firewall, users, updates) is left to its owner:
    docs/how-to/remote.md.
    """

    def __init__(
        self, name: str, args: HostPreparationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homeport:index:HostPreparation", name, None, opts)
        before: list[pulumi.CustomResource] = []
        for step, script in args.steps.items():
            digest = hashlib.sha256(script.encode()).hexdigest()
            before = [
                command.local.Command(
                    step,
                    create=shlex.join(shell(args.docker_host)),
                    stdin=script,
                    triggers=[args.docker_host, digest],
                    opts=pulumi.ResourceOptions(parent=self, depends_on=before),
                )
            ]
        self.done = before
        """What has to be there before anything else on the host."""
        self.register_outputs({})
