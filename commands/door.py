"""The gateway of a command's stack: `components/reach.py`, with errors told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from commands.context import CommandError, Context
from components import reach
from host.engine import EngineError


@contextmanager
def open_door(context: Context) -> Iterator[reach.Door]:
    """The door of the stack's gateway. Raises CommandError where there is none."""
    _ = context.docker  # tells why it doesn't answer
    try:
        with reach.open_door(context.estate.entrance) as opened:
            yield opened
    except EngineError as error:
        raise CommandError(str(error)) from error


def root_certificate(context: Context) -> str:
    """The certificate of the stack's own CA, as PEM. Raises CommandError where there is none."""
    _ = context.docker
    try:
        at = context.estate.entrance
        return reach.root_certificate(at.docker_host, at.stack)
    except EngineError as error:
        raise CommandError(str(error)) from error
