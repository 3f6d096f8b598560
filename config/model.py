"""Turns validation errors into sentences for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin

import pydantic

from values.model import FieldsError


class ConfigError(Exception):
    """Everything that is wrong with the configuration, told at once: one problem a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


_WORDS = {
    "string_type": "must be text, put in quotes",
    "tuple_type": "must be a list",
    "model_type": "must be fields with values",
    "dict_type": "must be fields with values",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "ip_v4_address": "must be an IPv4 address, such as 127.0.0.1",
}
"""What is allowed, in words for the person who writes the file; pydantic's own words are about
Python."""

Path = tuple[int | str, ...]
"""Where a value stands in its file: `("hosts", 0)`."""


def problems_of(
    error: pydantic.ValidationError,
    model: type[pydantic.BaseModel],
    where: Callable[[Path], str],
    prefix: str = "",
) -> list[str]:
    """One sentence for each error: the place, the field, its value, what is allowed.

    `where` turns a path into its place in the person's own file, for example
    `config/sites/blog.yaml:3`; `prefix` is what that file writes before each field.
    """
    return [_sentence(one, model, where, prefix) for one in error.errors()]


def _sentence(
    error: Any,  # pydantic_core.ErrorDetails; its `ctx` is untyped
    model: type[pydantic.BaseModel],
    where: Callable[[Path], str],
    prefix: str,
) -> str:
    # pydantic marks what is wrong with a mapping's key so.
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    field = prefix + _dotted(path)
    value = "[secret]" if _is_secret(model, path) else _shown(error["input"])
    match error["type"]:
        case "extra_forbidden":
            allowed = ", ".join(_fields_at(model, path[:-1]))
            return f"{where(path)}: {field}: there is no such field; allowed here: {allowed}"
        case "missing":
            what = f"is missing; add it{_such_as(model, path)}"
        case "value_error":
            problem = error["ctx"]["error"]
            if isinstance(problem, FieldsError):
                fields = ", ".join(prefix + _dotted((*path, name)) for name in problem.fields)
                return f"{where((*path, problem.fields[0]))}: {fields}: {problem}"
            if not path:
                return f"{where(path)}: {problem}"
            what = f"is {value}: {problem}"
        case _:
            words = _WORDS.get(error["type"], _lowered(error["msg"]))
            allowed = words.format(**error.get("ctx", {}))
            what = f"is {value}: {allowed}{_such_as(model, path)}"
    return f"{where(path)}: {field} {what}"


def _dotted(path: Path) -> str:
    return ".".join(shown_key(str(part)) for part in path)


def _fields_at(model: type[pydantic.BaseModel], path: Path) -> list[str]:
    fields = _model_at(model, path).model_fields
    return [field.alias or name for name, field in fields.items()]


def _such_as(model: type[pydantic.BaseModel], path: Path) -> str:
    field = _model_at(model, path[:-1]).model_fields.get(str(path[-1]))
    return f", such as {path[-1]}: {field.examples[0]}" if field and field.examples else ""


def _model_at(model: type[pydantic.BaseModel], path: Path) -> type[pydantic.BaseModel]:
    for part in path:
        field = model.model_fields.get(str(part))  # none for an item, nor for a mapping's key
        annotation = field.annotation if field else None
        # An optional field's annotation is a union: Source | None.
        for option in (annotation, *get_args(annotation)):
            if isinstance(option, type) and issubclass(option, pydantic.BaseModel):
                model = option
    return model


def _is_secret(model: type[pydantic.BaseModel], path: Path) -> bool:
    """Whether the value at `path` may hold a secret: all of a field that has no `repr`, and what
    stands where fields of such a model should.
    """
    whole, key = True, False
    for part in path:
        field = None if key else model.model_fields.get(str(part))
        key = False
        if field is not None:
            if not field.repr:
                return True
            below = _model_at(model, (part,))
            whole, key = below is not model, get_origin(field.annotation) is Mapping
            model = below
    return whole and any(not field.repr for field in model.model_fields.values())


_PASSWORD = re.compile(r"(https?://|ssh://[^\s/@:]*:)[^\s/@]+@")


def shown_key(key: str) -> str:
    """A field's name, in quotes if it would break the line of the error."""
    return _without_password(key if key.isprintable() else repr(key))


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    text = _without_password(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without_password(text: str) -> str:
    return _PASSWORD.sub(r"\1…@", text)


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
