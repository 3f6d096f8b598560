"""What every command works on: a stack, its files and its Docker engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import docker
from docker.models.containers import Container

from commands.error import CommandError
from components import reach
from config.estate import Estate
from config.settings import LOCAL_STACK, PROJECT, Settings
from host import engine, reachability
from host.engine import EngineError
from host.labels import plain_labels
from values.command_line import make


@dataclass(frozen=True)
class Context:
    """The stack that a command works on."""

    stack: str
    load: Callable[[str], Estate]
    """Reads the files of a stack. Raises ConfigError."""
    given: Mapping[str, str] = field(default_factory=dict)
    """What the command was told besides, such as NAME; empty texts where it wasn't."""

    @cached_property
    def estate(self) -> Estate:
        """The stack's files. Raises ConfigError."""
        return self.load(self.stack)

    @property
    def settings(self) -> Settings:
        """The stack's settings. Raises ConfigError."""
        return self.estate.settings

    @cached_property
    def docker(self) -> docker.DockerClient:
        """The engine of the stack's host. Raises CommandError where it doesn't answer."""
        if not engine.reachable(self.settings.docker_host):
            raise CommandError(reachability.why_unreachable(self.settings.docker_host, self.stack))
        return engine.connect(self.settings.docker_host)

    def is_bare(self) -> bool:
        """Whether the host has no Docker yet, and the update is told to install it."""
        host = self.settings.docker_host
        return (
            "docker" in self.settings.prepare
            and not engine.reachable(host)
            and reachability.DOCKER_MISSING in reachability.why_unreachable(host, self.stack)
        )

    @contextmanager
    def door(self) -> Iterator[reach.Door]:
        """The public door of the stack's gateway. Raises CommandError where there is none."""
        _ = self.docker  # tells why it doesn't answer
        try:
            with reach.open_door(self.estate.entrance) as opened:
                yield opened
        except EngineError as error:
            raise CommandError(str(error)) from error

    def root_certificate(self) -> str:
        """The certificate of the stack's own CA, as PEM. Raises CommandError where it has none."""
        _ = self.docker
        try:
            return reach.root_certificate(self.settings.docker_host, self.estate.entrance.stack)
        except EngineError as error:
            raise CommandError(str(error)) from error

    @property
    def label(self) -> str:
        """The label that everything of this stack carries."""
        return f"homeport.stack={PROJECT}/{self.stack}"

    def labels(self, component: str) -> dict[str, str]:
        """The labels of what a component of this stack has."""
        return plain_labels(f"{PROJECT}/{self.stack}", component)

    def volume(self, name: str) -> str:
        """The full name of a data volume."""
        return f"{PROJECT}-{self.stack}-{name}"

    def containers(self, *, component: str = "") -> list[Container]:
        """The stack's containers, stopped ones too, ordered by component."""
        labels = [self.label] + ([f"homeport.component={component}"] if component else [])
        # One that an update removes meanwhile is none of them.
        found = self.docker.containers.list(
            all=True, filters={"label": labels}, ignore_removed=True
        )
        return sorted(found, key=lambda container: str(container.labels["homeport.component"]))

    def find(self, name: str) -> Container | None:
        """The container of that name, running or not."""
        try:
            return self.docker.containers.get(name)
        except docker.errors.NotFound:
            return None

    def make(self, target: str) -> str:
        """What a person types for another command on the same stack."""
        return make(self.stack, target)

    def says_yes(self, what: str) -> bool:
        """Whether whoever sits at the terminal agrees to what is about to happen."""
        return input(f"{what} Go on? [y/N] ").strip().lower() in ("y", "yes")

    def may_act(self, what: str, *, always_ask: bool = False) -> bool:
        """Whether to go on without asking: on `local`, or with YES=1; else a terminal asks.

        Raises CommandError where nobody is there to ask.
        """
        if os.environ.get("YES") == "1" or (self.stack == LOCAL_STACK and not always_ask):
            return True
        if not sys.stdin.isatty():
            raise CommandError(
                f"{what} stack {self.stack} needs a yes, and there is no terminal to ask at; "
                "give YES=1"
            )
        return False
