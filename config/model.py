"""The base of every configuration model, and how its errors are told to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pydantic


class Model(pydantic.BaseModel):
    """A frozen record that refuses unknown fields, so a misspelt one never passes silently."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ConfigError(Exception):
    """Everything that is wrong with the configuration, told at once: one problem a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


Path = tuple[int | str, ...]
"""Where a value stands in its file: `("hosts", 0)`."""


def problems_of(
    error: pydantic.ValidationError,
    model: type[pydantic.BaseModel],
    where: Callable[[Path], str],
    prefix: str = "",
) -> list[str]:
    """One sentence for each error: where it stands, the field, its value, what is allowed.

    `where` names the place of a path in the person's own file, for example
    `config/sites/blog.yaml:3`; `prefix` is what that file writes before each field.
    """
    return [_sentence(one, model, where, prefix) for one in error.errors()]


def _sentence(
    error: Any,  # pydantic_core.ErrorDetails; its `ctx` is untyped
    model: type[pydantic.BaseModel],
    where: Callable[[Path], str],
    prefix: str,
) -> str:
    path: Path = error["loc"]
    field = prefix + ".".join(str(part) for part in path)
    match error["type"]:
        case "extra_forbidden":
            allowed = ", ".join(_fields_at(model, path[:-1]))
            what = f"there is no such field; allowed here: {allowed}"
        case "missing":
            what = "is missing; add it"
        case "value_error":
            if not path:
                return f"{where(path)}: {error['ctx']['error']}"
            what = f"is {_shown(error['input'])}: {error['ctx']['error']}"
        case _:
            what = f"is {_shown(error['input'])}: {_lowered(error['msg'])}"
    return f"{where(path)}: {field} {what}"


def _fields_at(model: type[pydantic.BaseModel], path: Path) -> list[str]:
    for part in path:
        if not isinstance(part, str):
            continue
        annotation = model.model_fields[part].annotation
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            model = annotation
    return list(model.model_fields)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
