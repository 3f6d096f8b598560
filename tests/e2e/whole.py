"""A stack with every part: sites of folders and of git, registries, a vault, and Prometheus."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.e2e.checkout import Checkout
from tests.e2e.following import HOOKED, Following
from tests.e2e.registries import Registries
from tests.e2e.sites import of_folders
from tests.e2e.support.second_host import carry_image
from tests.e2e.vaulted import Vaulted
from tests.e2e.watched import Watched


class Whole:
    """The stack, and who asks which part of it. What stands beside it lives as long as the block;
    the stack is its owner's to close.
    """

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self.checkout = checkout
        self.registries = Registries(checkout, folder / "clients")
        self.following = Following(checkout, HOOKED[:1])
        self.watched = Watched(checkout)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open:  # which closes what is open already, if the rest fails
            self._bring_up()
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _bring_up(self) -> None:
        checkout = self.checkout
        self._open.enter_context(self.registries)
        self.registries.let_write()
        checkout.up()  # for its network
        if checkout.place.name == "ssh":  # nothing of the stack needs it there yet
            carry_image(checkout.image("publisher"), checkout.place.socket)
        of_folders(checkout)
        self.vaulted = Vaulted(checkout)
        self.watched.declare()
        self._open.callback(self.following.close)
        self.following.declare()
        checkout.up()
        self.registries.clients.trust(self.registries.name, checkout.ca)
