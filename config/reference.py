"""What a site's file can say, for people and for their editors, told by the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from config.site import KINDS, OF_CONTENT, SiteFile
from config.source import OF_GIT, PLACES

Schema = dict[str, Any]  # JSON by its nature

TWO_KEYS = "hosts: [blog]\nsource: {folder: sites/blog}\n"
"""A whole site."""

_HEAD = f"""\
# A site's file

This page lists every field of a file in `config/sites/`. Two keys are enough:

```yaml
{TWO_KEYS}```

With this first line, editors complete the fields below and mark unknown ones:

```yaml
# yaml-language-server: $schema=../../docs/site.schema.json
```

`config/site.py` and `config/source.py` generate this page and that schema.
"""
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
}


def site_schema() -> Schema:
    """The JSON Schema of a site's file."""
    schema = _plain(SiteFile.model_json_schema())
    source = schema["$defs"]["Source"]
    schema |= _one_of(KINDS) | _only_with("source", OF_CONTENT)
    source |= _one_of(PLACES) | _only_with("git", OF_GIT)
    for part in (schema, *schema["$defs"].values()):
        for field in part["properties"].values():
            field["examples"] = [yaml.safe_load(example) for example in field["examples"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def site_page() -> str:
    """The reference page, in Markdown: every field of every part of a site's file."""
    schema = _plain(SiteFile.model_json_schema())
    blocks = [_HEAD, _table(schema), f"Only for a site with a source: {_code(OF_CONTENT)}.\n"]
    for name in filter(None, map(_part, schema["properties"].values())):
        part = schema["$defs"][name]
        blocks += [f"## {name}\n\n{part['description']}\n", _table(part)]
        if name == "Source":
            blocks.append(f"Only for a git repository: {_code(OF_GIT)}.\n")
    return "\n".join(blocks)


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _plain(node: Any) -> Any:
    """A schema without what is Pydantic's alone: titles, and null for what isn't given."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        (given,) = (choice for choice in node["anyOf"] if choice != {"type": "null"})
        node = {key: value for key, value in (given | node).items() if key != "anyOf"}
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    return {
        key: _plain(value)
        for key, value in node.items()
        if not (key == "title" or (key == "default" and value is None))
    }


def _one_of(names: tuple[str, ...]) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


def _only_with(name: str, others: tuple[str, ...]) -> Schema:
    return {"dependentRequired": {other: [name] for other in others}}


def _table(part: Schema) -> str:
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(part))
    return f"| field | value | what it means | example |\n|---|---|---|---|\n{rows}"


def _rows(part: Schema) -> Iterator[tuple[str, ...]]:
    for name, field in part["properties"].items():
        value = _value(field)
        if name in part.get("required", ()):
            value += ", required"
        elif "default" in field:
            value += f"; by default `{yaml.safe_dump(field['default']).split()[0]}`"
        examples = ", ".join(f"`{name}: {example}`" for example in field["examples"])
        yield f"`{name}`", value, field["description"], examples


def _value(field: Schema) -> str:
    """What kind of value a field takes, in words."""
    if part := _part(field):
        return f"the fields of [{part}](#{part.lower()})"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"a list of {_WORDS[field['items']['type']]}"
    return _WORDS[field["type"]]


def _part(field: Schema) -> str:
    """The part of the schema that a field's value is; empty where it is a plain value."""
    return str(field.get("$ref", "")).rpartition("/")[2]
