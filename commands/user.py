"""`user` and `users`: who has a password, and what it is good for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from commands.context import Context
from commands.error import CommandError
from commands.pulumi_cli import deployment, set_config
from commands.table import table
from commands.user_hashes import ask_password, hash_of, read_htpasswd
from config.settings import PROJECT, ROOT
from config.users import User, user_name

_RIGHTS = get_args(User.model_fields["registry"].annotation)


def run(context: Context) -> int:
    """Keep the hash of a password that is asked for, or the hashes of a whole htpasswd file.

    Who is there already keeps their rights, unless REGISTRY says others.
    """
    name, file, rights = (context.given[key] for key in ("name", "file", "registry"))
    if bool(name) == bool(file):
        raise CommandError(
            "give one of NAME and FILE: "
            f"`{context.make('user NAME=alice')}` asks for a password, "
            f"`{context.make('user FILE=.htpasswd')}` takes a file of hashes"
        )
    if rights and rights not in _RIGHTS:
        raise CommandError(f"REGISTRY is {rights!r}: must be {' or '.join(_RIGHTS)}")
    if rights and file:
        raise CommandError(
            "REGISTRY works only with NAME: users from a FILE may read, and keep the rights that "
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
    if not _store(context, hashes, rights):
        return 1
    for stored in hashes:
        may = rights or (known[stored].registry if stored in known else _RIGHTS[0])
        print(f"{stored}: {'new password' if stored in known else 'new user'}, registry: {may}")
    print(f"\nStored in Pulumi.{context.stack}.yaml; `{context.make('up')}` makes it so.")
    return 0


def users(context: Context) -> int:
    """List who has a password, and their rights."""
    found = sorted(context.settings.users.items())
    if found:
        rows = [
            (name, user.registry, " ".join(user.vault.read), " ".join(user.vault.write))
            for name, user in found
        ]
        print(table(("name", "registry", "vault: reads", "vault: writes"), rows))
    else:
        print(f"stack {context.stack} has no users; `{context.make('user NAME=…')}` makes one")
    return 0


def _store(context: Context, hashes: Mapping[str, str], rights: str) -> bool:
    """Put all into the stack's file, or nothing, where the engine refuses; whether it did.

    The engine encrypts into a copy, which takes the file's place at the end.
    """
    file = ROOT / f"Pulumi.{context.stack}.yaml"
    with TemporaryDirectory(dir=ROOT, prefix=".user-") as folder:
        copy = Path(shutil.copy(file, folder))
        read = copy.read_bytes()
        for name, hashed in hashes.items():
            user = f'{PROJECT}:users["{name}"]'  # in brackets, as a name may hold dots
            if not set_config(context, f"{user}.hash", hashed, file=copy):
                return False
            if rights and not set_config(
                context, f"{user}.registry", rights, plain=True, file=copy
            ):
                return False
        if file.read_bytes() != read:
            raise CommandError(
                f"{file.name} was changed by somebody else meanwhile, so nothing was stored; type "
                "it again"
            )
        copy.replace(file)  # at once: half a file would have lost all other secrets
    return True
