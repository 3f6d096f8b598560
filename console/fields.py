"""The commonest fields of a site's file, for somebody who would rather fill in a form: the text
stays the truth, and what nobody changed in the form stays in the text as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from config.model import ConfigError
from config.yaml_file import YamlFile

NAMES = ("hosts", "source", "php", "listing", "not_found", "email")
"""As the form calls them. A source is a folder, or the URL of a repository."""
_KINDS = ("folder", "git")

Fields = Mapping[str, str]


def read(text: str) -> Fields | None:
    """What a text says of them, as the form shows it; None where it can't be read as fields."""
    try:
        data: dict[Any, Any] = YamlFile(Path(), "", text).data
    except ConfigError:
        return None
    source = data.get("source")
    places = source if isinstance(source, dict) else {}
    hosts = data.get("hosts")
    return {
        "hosts": ", ".join(map(str, hosts)) if isinstance(hosts, list) else "",
        "source": next((str(places[kind]) for kind in _KINDS if kind in places), ""),
        "php": "yes" if data.get("runtime") == "php" else "",
        "listing": "yes" if data.get("listing") is True else "",
        "not_found": str(data.get("not_found") or ""),
        "email": str(data.get("email") or ""),
    }


def given(form: Mapping[str, object]) -> tuple[Fields, Fields]:
    """What a form showed, and what it holds now. Raises nothing: what can't be read is nothing."""
    try:
        was = json.loads(str(form.get("was", "")))
    except ValueError:
        was = {}
    was = was if isinstance(was, dict) else {}
    now = {name: form.get(f"field-{name}", "") for name in NAMES}
    return (
        {name: str(value) for name, value in was.items()},
        {name: value for name, value in now.items() if isinstance(value, str)},
    )


def written(text: str, was: Fields, now: Fields) -> str:
    """The text with what changed in the form since it showed `was`. Comments and all else stay."""
    for name in NAMES:
        value = now.get(name, "").strip()
        if value == was.get(name, ""):
            continue
        if name == "hosts":
            hosts = [host for host in value.replace(",", " ").split() if host]
            text = _with(text, ("hosts",), hosts or None)
        elif name == "source":
            text = _with_source(text, value)
        elif name == "php":
            text = _with(text, ("runtime",), "php" if value else None)
        else:
            text = _with(text, (name,), (value == "yes" or value) if value else None)
    return text


def _with_source(text: str, value: str) -> str:
    kind = "git" if ":" in value else "folder"
    has_kind = _found(text, ("source", kind)) is not None
    if value and has_kind:  # what else is said of it, such as a branch, stays
        return _with(text, ("source", kind), value)
    return _with(text, ("source",), {kind: value} if value else None)


def _with(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with another value of a field, on its line; at the end if it isn't there. None takes
    the field's lines away. What is no YAML stays.
    """
    found = _found(text, path)
    shown = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)
    shown = shown.strip()[1:-1]
    if found is None:
        if value is None:
            return text
        return f"{text.rstrip()}\n{path[0]}: {shown}\n".lstrip("\n")
    key, node = found
    begin, end = key.end_mark.index, _end(node)
    if value is None:
        begin = text.rfind("\n", 0, key.start_mark.index) + 1
        return text[:begin] + text[end:].partition("\n")[2]
    return f"{text[:begin]}: {shown}{text[end:]}"


def _found(text: str, path: tuple[str, ...]) -> tuple[yaml.Node, yaml.Node] | None:
    """The nodes of a field and of its value, where both stand at their place: what is written
    elsewhere and repeated here can't be changed here.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    found = None
    for name in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        found = next(((key, value) for key, value in pairs if key.value == name), None)
        if found is None or found[1].start_mark.index < found[0].end_mark.index:
            return None
        node = found[1]
    return found


def _end(node: yaml.Node) -> int:
    """Where a value ends. Of a block that is where its last one does: the parser counts the lines
    up to the next field.
    """
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end
