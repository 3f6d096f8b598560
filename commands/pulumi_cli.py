"""Calling the engine, as a person would at the prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from getpass import getpass
from pathlib import Path
from typing import Any, TextIO

from commands import old_state
from commands.context import Context
from commands.error import CommandError
from commands.progress import Progress, events
from config.settings import LOCAL_STACK, ROOT
from config.yaml_file import YamlFile
from values import command_line

# An SSH server takes ten sessions on a shared connection: these, and one for each of the four
# threads that run the program's own resources.
_SSH_PARALLEL = "6"
_GLANCE = 0.1  # seconds between two looks at what the engine did


def pulumi(context: Context, *arguments: str) -> int:
    """Run `pulumi` on the stack, with this terminal; its exit code."""
    argv = ["pulumi", *arguments, "--stack", context.stack]
    return subprocess.run(argv, check=False, env=_environment(context)).returncode


def told(context: Context, verb: str, *arguments: str, known: Mapping[str, Any]) -> int:
    """Run an update, a preview or the like of what the state knows, telling what it does; its exit
    code.

    It asks for nothing but a passphrase. All that Pulumi prints goes to a log file. Each step goes
    to the file `--steps` too, if that is given.
    """
    logs = ROOT / ".engine/output"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{context.stack}-{verb}.log"
    environment = _environment(context)
    if context.settings.docker_host.startswith("ssh://"):
        environment.setdefault("PULUMI_PARALLEL", _SSH_PARALLEL)
    environment["PULUMI_DEBUG_COMMANDS"] = "true"  # else there is no --event-log
    total = len(known.get("resources", ()))
    with (
        tempfile.TemporaryDirectory() as folder,
        _private(log) as output,
        steps_file(context) as steps,
    ):
        progress = Progress(out=sys.stdout, steps=steps, total=total)
        event_log = Path(folder) / "events"
        event_log.touch(mode=0o600)
        argv = ["pulumi", verb, *arguments, "--stack", context.stack, "--non-interactive"]
        argv += ["--event-log", str(event_log)]
        with (
            event_log.open(encoding="utf-8") as file,
            subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            ) as process,
        ):
            _follow(file, process, progress)
        progress.finish(log.relative_to(ROOT))
    if process.returncode and not progress.problems:
        print(_end_of(log), file=sys.stderr)
    return process.returncode


def _follow(file: TextIO, process: subprocess.Popen[bytes], progress: Progress) -> None:
    """Tell the engine's events until it has ended. Ctrl-C reaches it too: it then finishes what it
    began, and gives its lock back.
    """
    ended = False
    try:
        for event in events(file):
            if event is not None:
                progress.take(event)
            elif ended:
                break
            else:
                ended = process.poll() is not None
                progress.tick()
                time.sleep(0 if ended else _GLANCE)
    except KeyboardInterrupt:
        process.wait()
        raise


@contextmanager
def steps_file(context: Context) -> Iterator[TextIO | None]:
    """Where each step goes as a line of JSON, if the command was told a file."""
    name = context.given.get("steps")
    if not name:
        yield None
        return
    with Path(name).open("a", encoding="utf-8") as file:
        yield file


@contextmanager
def _private(log: Path) -> Iterator[TextIO]:
    """The log of one run, which replaces that of the one before; its owner alone reads it."""
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    with log.open("w", encoding="utf-8") as file:
        yield file


def _end_of(log: Path) -> str:
    """Where nothing was told, the reason is in the last lines."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def capture(context: Context, *arguments: str, opens: bool = False) -> str | None:
    """What `pulumi` prints on standard output, or None where it fails; with the passphrase if it
    `opens` secrets.
    """
    done = subprocess.run(
        ["pulumi", *arguments, "--stack", context.stack],
        check=False,
        env=_environment(context) if opens else None,
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


def unlocked(context: Context) -> dict[str, str]:
    """The environment for commands on the stack: with its passphrase, if the terminal was asked
    for it.

    Raises CommandError for a passphrase that doesn't open the stack's secrets.
    """
    environment = _environment(context)
    # Each opens secrets only where there are some: in the stack's file, and in its state.
    for reading in (("config",), ("stack", "export")):
        argv = ["pulumi", *reading, "--show-secrets", "--non-interactive", "--stack", context.stack]
        done = subprocess.run(
            argv,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode and "incorrect passphrase" in done.stderr:
            raise CommandError(f"that isn't the passphrase of stack {context.stack}")
    return environment


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

    Raises CommandError for another stack without a state, which is a person's to make, and for
    a state that an older checkout wrote.
    """
    exported = capture(context, "stack", "export")
    if exported is not None:
        known: dict[str, Any] = json.loads(exported).get("deployment") or {}
        old_state.refuse(context.stack, known)
        return known
    if context.stack == LOCAL_STACK and pulumi(context, "stack", "init") == 0:
        return {}
    raise CommandError(
        f"stack {context.stack} has no state that can be read in {backend()}; "
        f"`{command_line.pulumi(context.stack, 'stack init')}` makes one, and "
        f"`{command_line.pulumi(context.stack, 'stack')}` tells what is wrong"
    )


def backend() -> str:
    """Where states are kept."""
    return os.environ.get("PULUMI_BACKEND_URL", "the backend that Pulumi is logged in to")
