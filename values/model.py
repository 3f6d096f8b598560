"""The base of every record that a file's text becomes, and of what its fields may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import pydantic

MadeBy = Callable[[str], str]
"""What a person types, for a stack."""


class Model(pydantic.BaseModel):
    """A frozen record that refuses unknown fields, so a misspelt one never passes silently."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,  # the reference page and editors show them
    )


class FieldsError(ValueError):
    """What is wrong with fields that were looked at together: told at the line of the first."""

    def __init__(self, fields: Sequence[str], problem: str) -> None:
        self.fields = tuple(fields)
        super().__init__(problem)


def matching(pattern: str, allowed: str) -> pydantic.AfterValidator:
    """Text of a form, with what is allowed in words: a pattern tells a person nothing."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"must be {allowed}")
        return text

    return pydantic.AfterValidator(check)


def between(least: float, most: float) -> pydantic.AfterValidator:
    """A number within bounds, which are both allowed."""

    def check(number: float) -> float:
        if not least <= number <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}")
        return number

    return pydantic.AfterValidator(check)


def secret(pattern: str, allowed: str, *, made_by: MadeBy | None = None) -> pydantic.WrapValidator:
    """A secret text of a form."""
    form = re.compile(pattern, re.DOTALL)
    return secret_without(
        lambda text: "" if form.fullmatch(text) else f"must be {allowed}", made_by=made_by
    )


def secret_without(
    problem: Callable[[str], str], *, made_by: MadeBy | None = None
) -> pydantic.WrapValidator:
    """A secret text in which `problem` finds none, as a sentence that doesn't quote the text.

    Read without the engine it is `{secure: …}`, and stays closed. `made_by` names the command
    that makes such texts, for the stack whose settings are read.
    """

    def check(
        value: object, handler: pydantic.ValidatorFunctionWrapHandler, info: pydantic.ValidationInfo
    ) -> pydantic.SecretStr:
        if isinstance(value, Mapping) and set(value) == {"secure"}:
            return pydantic.SecretStr("")
        text: pydantic.SecretStr = handler(value)
        if found := problem(text.get_secret_value()):
            as_made = f", as `{made_by(str(info.context))}` makes them" if made_by else ""
            raise ValueError(found + as_made)
        return text

    return pydantic.WrapValidator(check)


def opened(given: pydantic.SecretStr | None) -> str | None:
    """The text of a secret, where there is one."""
    return given.get_secret_value() if given is not None else None
