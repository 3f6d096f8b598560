"""YAML files that people write, with the line of every value for error messages."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path as FilePath
from typing import Any

import yaml

from config.model import ConfigError, Path, shown_key

_VALUES = 20_000
_DEPTH = 50
"""Bounds on a file, many times what anybody writes. A value counts each time that an alias repeats
it: nested aliases make billions of a few lines."""


class YamlFile:
    """A parsed file, or a text in its place: `data` as plain Python values, `place(path)` as
    `file:line`.

    Raises ConfigError, naming file and line, for a file that can't be read, isn't
    YAML, holds the same key twice, repeats or nests values without end, or isn't a mapping at its
    top.
    """

    def __init__(self, file: FilePath, shown_as: str, text: str | None = None) -> None:
        self._name = shown_as
        self._lines: dict[Path, int] = {}
        self._first_lines: dict[Path, int] = {}
        self._values = 0
        try:
            node = self._compose(file.read_text(encoding="utf-8") if text is None else text)
            data = self._value(node, ()) if node is not None else {}
        except UnicodeDecodeError as error:
            raise ConfigError([f"{shown_as}: is not UTF-8 text; save it as UTF-8"]) from error
        except OSError as error:
            raise ConfigError([f"{shown_as}: can't be read: {_reason(error)}"]) from error
        except yaml.MarkedYAMLError as error:
            line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            problem = ", ".join(filter(None, (error.context, error.problem)))
            raise ConfigError([f"{shown_as}{line}: is not YAML: {problem}"]) from error
        except yaml.YAMLError as error:
            raise ConfigError([f"{shown_as}: is not YAML: {_reason(error)}"]) from error
        if not isinstance(data, dict):
            raise ConfigError([f"{shown_as}:1: must be a mapping of fields to values"])
        self.data: dict[Hashable, Any] = data

    def place(self, path: Path) -> str:
        """`file:line` of the value at `path`, or of the nearest value around it."""
        while path and path not in self._lines:
            path = path[:-1]
        line = self._lines.get(path)
        return f"{self._name}:{line}" if line else self._name

    def first_line(self, path: Path) -> int:
        """The line at which a text's own first line stands, below its `|`; 0 without a text."""
        return self._first_lines.get(path, 0)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._bound(node, path)
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, at)) for at, item in enumerate(node.value)]
        in_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
        self._first_lines[path] = node.start_mark.line + (2 if in_block else 1)
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError, ArithmeticError) as error:
            raise ConfigError(
                [f"{self.place(path)}: {node.value!r} can't be read: {_reason(error)}"]
            ) from error

    def _compose(self, text: str) -> yaml.Node | None:
        """Reads with libyaml, ten times as fast as Python's own reader. The latter words
        errors better.
        """
        try:
            depth = nodes = 0
            # First: libyaml's loader has no bound on depth, and would end the whole program.
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                line = event.start_mark.line + 1 if event.start_mark else 1
                nodes += isinstance(event, yaml.NodeEvent)
                if nodes > 2 * _VALUES:  # a value may have a key
                    raise ConfigError([_too_many(self._name, line)])
                depth += isinstance(event, yaml.CollectionStartEvent)
                depth -= isinstance(event, yaml.CollectionEndEvent)
                if depth > _DEPTH:
                    raise ConfigError([_too_deep(self._name, line)])
            return yaml.compose(text, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            return yaml.compose(text, Loader=yaml.SafeLoader)

    def _bound(self, node: yaml.Node, path: Path) -> None:
        self._values += 1
        line = node.start_mark.line + 1
        if len(path) > _DEPTH:
            raise ConfigError([_too_deep(self._name, line)])
        if self._values > _VALUES:
            raise ConfigError([_too_many(self._name, line)])

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError([f"{self._name}:{line}: a field's name must be plain text"])
            key = str(key_node.value)
            if key in mapping:
                raise ConfigError(
                    [f"{self._name}:{line}: {shown_key(key)} is given twice; keep one"]
                )
            self._lines[(*path, key)] = line
            mapping[key] = self._value(value_node, (*path, key))
        return mapping


def _too_deep(name: str, line: int) -> str:
    return (
        f"{name}:{line}: holds more than {_DEPTH} nested values, or an alias (*) is inside what "
        "it names; nest less"
    )


def _too_many(name: str, line: int) -> str:
    return (
        f"{name}:{line}: has more than {_VALUES} values, each counted as often as aliases (*) "
        "repeat it; write them out, or leave some out"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
