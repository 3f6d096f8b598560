"""A state that names modules which have moved since."""

from __future__ import annotations

import base64
import pickle

import pytest

from commands import old_state
from commands.error import CommandError
from host.stack_id import StackIdProvider


def state(*providers: str) -> dict[str, object]:
    dynamic: list[dict[str, object]] = [{"inputs": {"__provider": each}} for each in providers]
    return {"resources": [{"type": "pulumi:pulumi:Stack"}, {"inputs": {"image": "x"}}, *dynamic]}


def stored(provider: object) -> str:
    """As the SDK stores it."""
    return base64.b64encode(pickle.dumps(provider, protocol=4)).decode()


def test_what_this_checkout_wrote_is_taken() -> None:
    old_state.refuse("local", state(stored(StackIdProvider())))
    old_state.refuse("local", {})


@pytest.mark.parametrize("module", ["components.stack_id", "gone.stack_id"])
def test_what_an_older_one_wrote_is_refused_with_the_way_over(module: str) -> None:
    text = base64.b64decode(stored(StackIdProvider()))
    size = bytes([len(module)])
    older = text.replace(b"\x8c\x0dhost.stack_id", b"\x8c" + size + module.encode())
    assert older != text
    with pytest.raises(CommandError) as caught:
        old_state.refuse("prod", state(base64.b64encode(older).decode()))
    assert str(caught.value) == (
        "stack prod was made by an older checkout: its state names the module "
        f"{module}, which isn't here any more. With that checkout type `make down STACK=prod`, "
        "which keeps the data, then `make up STACK=prod` with this one; CHANGELOG.md says more"
    )
