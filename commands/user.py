"""`user` and `users`: who has a password, and what it is good for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from commands.context import CommandError, Context
from commands.pulumi_cli import deployment
from commands.table import table
from commands.user_hashes import ask_password, hash_of, read_htpasswd
from config.settings import LOCAL_STACK, PROJECT, ROOT
from config.users import User, user_name
from config.yaml_file import YamlFile

_RIGHTS = get_args(User.model_fields["registry"].annotation)


def run(context: Context) -> int:
    """Keep the hash of a password that is asked for, or the hashes of a whole htpasswd file.

    Who is there already keeps their rights, unless REGISTRY says others.
    """
    name, file, rights = (context.given[key] for key in ("name", "file", "registry"))
    if bool(name) == bool(file):
        raise CommandError(
            "make user wants one of NAME and FILE: `make user NAME=alice` asks for a password, "
            "`make user FILE=.htpasswd` takes a file of hashes"
        )
    if rights and rights not in _RIGHTS:
        raise CommandError(f"REGISTRY is {rights!r}: must be {' or '.join(_RIGHTS)}")
    if rights and file:
        raise CommandError(
            "REGISTRY goes with NAME alone: who comes from a FILE may read, and keeps what rights "
            "they have here"
        )
    if name:
        try:
            user_name(name)
        except ValueError as error:
            raise CommandError(f"NAME is {name!r}: {error}") from error
    known = context.settings.users
    deployment(context)
    hashes = read_htpasswd(Path(file)) if file else {name: hash_of(ask_password(name))}
    if code := _store(context, hashes, rights):
        return code
    for stored in hashes:
        may = rights or (known[stored].registry if stored in known else _RIGHTS[0])
        print(f"{stored}: {'new password' if stored in known else 'new user'}, registry: {may}")
    print(f"\nStored in Pulumi.{context.stack}.yaml; `{context.make('up')}` makes it so.")
    return 0


def users(context: Context) -> int:
    """List who has a password, and their rights."""
    found = sorted(context.settings.users.items())
    if found:
        print(table(("name", "registry"), [(name, user.registry) for name, user in found]))
    else:
        print(f"stack {context.stack} has no users; `make user NAME=…` makes one")
    return 0


def _store(context: Context, hashes: Mapping[str, str], rights: str) -> int:
    """Put all into the stack's file, or nothing: 0, or the exit code of an engine that refused.

    The engine encrypts into a copy, which takes the file's place at the end.
    """
    file = ROOT / f"Pulumi.{context.stack}.yaml"
    environment = _environment(context, file)
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(file, folder))
        argv = ["pulumi", "config", "set", "--stack", context.stack, "--config-file", str(copy)]
        for name, hashed in hashes.items():
            values = [("--secret", "hash", hashed)]
            values += [("--plaintext", "registry", rights)] if rights else []
            for kind, key, value in values:
                # In brackets, as a name may hold dots; by standard input, as a command line can
                # be read by everybody on the machine.
                path = f'{PROJECT}:users["{name}"].{key}'
                done = subprocess.run(
                    [*argv, kind, "--path", path],
                    check=False, input=value, text=True, env=environment,
                    stdout=subprocess.DEVNULL,  # else it asks the terminal for its colours
                )  # fmt: skip
                if done.returncode:
                    return done.returncode
        shutil.copyfile(copy, file)
    return 0


def _environment(context: Context, file: Path) -> dict[str, str]:
    """The engine's environment. It can't ask for a passphrase while it reads a value, and would
    ask for each one, so it is asked for here, once.
    """
    environment = dict(os.environ)
    given = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
    if (
        context.stack != LOCAL_STACK
        and sys.stdin.isatty()
        and "encryptionsalt" in YamlFile(file, file.name).data
        and environment.keys().isdisjoint(given)
    ):
        environment[given[0]] = getpass(f"Passphrase of stack {context.stack}: ")
    return environment
