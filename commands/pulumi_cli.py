"""Calling the engine, as a person would at the prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from getpass import getpass
from pathlib import Path
from typing import Any

from commands.context import CommandError, Context
from config.settings import LOCAL_STACK, ROOT
from config.yaml_file import YamlFile

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


def secret(context: Context, key: str) -> str:
    """A secret of the stack's settings; of a section, all of it as JSON."""
    argv = ["pulumi", "config", "get", key, "--stack", context.stack]
    done = subprocess.run(
        argv, check=False, env=_environment(context), stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise CommandError(f"{key} of stack {context.stack} can't be read")
    return done.stdout.strip()


def set_config(
    context: Context, path: str, value: str, *, plain: bool = False, file: Path | None = None
) -> bool:
    """Set one of the stack's settings, a secret unless it is `plain`; whether that worked.

    By standard input, as a command line can be read by everybody on the machine. With `file` in
    place of the stack's own.
    """
    argv = ["pulumi", "config", "set", "--stack", context.stack]
    argv += ["--config-file", str(file)] if file else []
    argv += ["--plaintext" if plain else "--secret", "--path", path]
    done = subprocess.run(
        argv,
        check=False,
        env=_environment(context),
        input=value,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    return done.returncode == 0


def _environment(context: Context) -> dict[str, str]:
    """With the passphrase: Pulumi asks for it only where it has the terminal for itself."""
    environment = dict(os.environ)
    given = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
    name = f"Pulumi.{context.stack}.yaml"
    if (
        context.stack != LOCAL_STACK
        and sys.stdin.isatty()
        and "encryptionsalt" in YamlFile(ROOT / name, name).data
        and environment.keys().isdisjoint(given)
    ):
        environment[given[0]] = _passphrase(context.stack)
    return environment


@cache
def _passphrase(stack: str) -> str:
    return getpass(f"Passphrase of stack {stack}: ")


def deployment(context: Context) -> dict[str, Any]:
    """What the stack's state knows. The local stack is made where there is none.

    Raises CommandError for another stack without a state: that one is a person's to make.
    """
    exported = capture(context, "stack", "export")
    if exported is not None:
        known: dict[str, Any] = json.loads(exported).get("deployment") or {}
        return known
    if context.stack == LOCAL_STACK and pulumi(context, "stack", "init") == 0:
        return {}
    raise CommandError(
        f"stack {context.stack} has no state that can be read in {backend()}; "
        f"`pulumi stack init {context.stack}` makes one, and "
        f"`pulumi stack --stack {context.stack}` tells what is wrong"
    )


def backend() -> str:
    """Where states are kept."""
    return os.environ.get("PULUMI_BACKEND_URL", "the backend that Pulumi is logged in to")


def preview(context: Context) -> int:
    """Show what `up` would change, without refreshing."""
    deployment(context)
    return pulumi(context, "preview")


def down(context: Context) -> int:
    """Destroy everything but the data volumes."""
    yes = ["--yes"] if context.may_act("destroying") else []
    return pulumi(context, "destroy", *yes)
