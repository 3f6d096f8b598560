"""Calling the engine, as a person would at the prompt."""

from __future__ import annotations

import os
import subprocess

from commands.context import Context
from config.settings import LOCAL_STACK

# An SSH server takes ten sessions on a shared connection: these, and one for each of the four
# threads that run the program's own resources.
_SSH_PARALLEL = "6"


def pulumi(context: Context, *arguments: str) -> int:
    """Run `pulumi` on the stack, with this terminal; its exit code."""
    environment = dict(os.environ)
    if context.settings.docker_host.startswith("ssh://"):
        environment.setdefault("PULUMI_PARALLEL", _SSH_PARALLEL)
    argv = ["pulumi", *arguments, "--stack", context.stack]
    return subprocess.run(argv, check=False, env=environment).returncode


def capture(context: Context, *arguments: str) -> str | None:
    """What `pulumi` prints on standard output, or None where it fails."""
    done = subprocess.run(
        ["pulumi", *arguments, "--stack", context.stack],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout if done.returncode == 0 else None


def ensure_stack(context: Context) -> int:
    """Make the local stack's state where there is none. Other stacks are a person's to make."""
    if context.stack != LOCAL_STACK or capture(context, "stack", "output") is not None:
        return 0
    return pulumi(context, "stack", "init")


def preview(context: Context) -> int:
    """Show what `up` would change, without refreshing."""
    return ensure_stack(context) or pulumi(context, "preview")


def down(context: Context) -> int:
    """Destroy everything but the data volumes."""
    yes = ["--yes"] if context.may_act("destroying") else []
    return pulumi(context, "destroy", *yes)
