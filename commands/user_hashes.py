"""Hashes of passwords: of one that is asked for, and of a file that Apache's `htpasswd` made."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from passlib.hash import bcrypt

from commands.error import CommandError
from config.users import ROUNDS, user_name, weakness

_MOST_BYTES = 72


def ask_password(name: str) -> str:
    """The password that is typed twice, unseen, or the one line of standard input.

    Raises CommandError where it can't be used.
    """
    if sys.stdin.isatty():
        try:
            password = _usable(getpass(f"Password of {name}: "))
            again = getpass("The same again: ")
        except EOFError as error:
            raise CommandError("no password was typed, so nothing was stored") from error
        if again != password:
            raise CommandError("these were two different passwords, so nothing was stored")
        return password
    given = sys.stdin.buffer.read().decode(errors="surrogateescape").removesuffix("\n")
    given = given.removesuffix("\r")
    if "\n" in given:
        raise CommandError("standard input has several lines; the password must be its only one")
    return _usable(given)


def hash_of(password: str) -> str:
    """The hash that is kept in place of a usable password."""
    return str(bcrypt.using(rounds=ROUNDS, truncate_error=True).hash(password))


def _usable(password: str) -> str:
    try:
        size = len(password.encode())
    except UnicodeEncodeError as error:
        raise CommandError("the password isn't UTF-8 text, as browsers and clients send") from error
    if not password:
        raise CommandError("the password is empty; everybody could guess it")
    if "\0" in password:
        raise CommandError("the password contains a NUL byte, at which bcrypt would stop reading")
    if size > _MOST_BYTES:
        raise CommandError(
            f"the password has {size} bytes in UTF-8, and bcrypt reads only the first "
            f"{_MOST_BYTES}; choose a shorter one"
        )
    return password


def read_htpasswd(file: Path) -> dict[str, str]:
    """The hashes of a file by user name. Raises CommandError with every line that isn't taken."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8 text"
        raise CommandError(f"{file} can't be read: {reason}") from error
    hashes: dict[str, str] = {}
    problems = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            name, colon, hashed = line.partition(":")
            # Without a colon it may be a password, which nobody should see.
            if problem := _problem(name, hashed, hashes) if colon else "must be name:hash":
                problems.append(f"{file}:{number}: {problem}")
            hashes[name] = hashed
    if not hashes:
        problems.append(f"{file} has no users")
    if problems:
        raise CommandError("\n".join([*problems, "Nothing was stored."]))
    return hashes


def _problem(name: str, hashed: str, before: dict[str, str]) -> str:
    try:
        user_name(name)
    except ValueError as error:
        return f"{name!r}: {error}"
    problem = "stands here twice; keep one line" if name in before else weakness(hashed)
    return problem and f"user {name}: {problem}"
