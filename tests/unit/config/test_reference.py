"""The reference page and the JSON Schema of a site's file: current, true, and complete."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.reference import TWO_KEYS, site_page, site_schema
from config.site import Redirect, SiteFile
from config.source import Source
from tests.unit.approved import approved
from tests.unit.program import EVERY_KIND, ROOT, SEVERAL_SITES

SITES = {
    **{file.name: file.read_text() for file in sorted((ROOT / "config/sites").glob("*.yaml"))},
    **{f"several {name}": text for name, text in SEVERAL_SITES.items()},
    **{f"every {name}": text for name, text in EVERY_KIND.items()},
}
MODELS = {model.__name__: model for model in (SiteFile, Source, Redirect)}
FIELDS = [(model, name) for model in MODELS for name in MODELS[model].model_fields]
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}
KEYWORDS = {
    "$defs", "$ref", "$schema", "additionalProperties", "default", "dependentRequired",
    "description", "enum", "examples", "items", "oneOf", "properties", "required", "type",
}  # fmt: skip


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Whether a value is as a JSON Schema says, as far as this schema has words."""
    root = root or schema
    assert set(schema) <= KEYWORDS, "teach this function the new keyword"
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list):
        return all(accepts(schema["items"], item, root) for item in value)
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    together = schema.get("dependentRequired", {})
    return (
        (schema.get("additionalProperties", True) or set(value) <= set(known))
        and set(schema.get("required", ())) <= set(value)
        and all(set(together.get(name, ())) <= set(value) for name in value)
        and sum(set(one["required"]) <= set(value) for one in schema.get("oneOf", ()))
        == ("oneOf" in schema)
        and all(accepts(known[name], item, root) for name, item in value.items())
    )


def test_the_reference_page_is_current() -> None:
    assert site_page() == approved(ROOT / "docs/reference/site-file.md", site_page())


def test_the_schema_for_editors_is_current() -> None:
    text = json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"
    assert text == approved(ROOT / "docs/site.schema.json", text)


def test_the_page_tells_of_every_field_and_begins_with_a_site_of_two_keys() -> None:
    page = site_page()
    first, _, _ = page.partition("\n| ")
    assert TWO_KEYS in first
    assert set(yaml.safe_load(TWO_KEYS)) == {"hosts", "source"}
    SiteFile.model_validate(yaml.safe_load(TWO_KEYS))
    for model, name in FIELDS:
        field = MODELS[model].model_fields[name]
        assert f"\n| `{field.alias or name}` | " in page


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_every_field_has_words_and_an_example_that_is_taken(model: str, name: str) -> None:
    field = MODELS[model].model_fields[name]
    assert field.description
    assert field.examples, f"{model}.{name} has no example"
    for example in field.examples:
        given: dict[str, Any] = {field.alias or name: yaml.safe_load(str(example))}
        # Beside what it needs to be taken.
        if model == "SiteFile":
            given = {"hosts": ["blog"]} | given
            if not {"source", "redirect", "upstream"} & set(given):
                given["source"] = {"folder": "sites/blog"}
        elif model == "Redirect":
            given = {"to": "https://www.example.org"} | given
        elif not {"folder", "host_folder", "git"} & set(given):
            given["git"] = "https://github.com/owner/name"
        MODELS[model].model_validate(given)
        schema = site_schema()
        assert accepts(schema if model == "SiteFile" else schema["$defs"][model], given, schema)


@pytest.mark.parametrize("name", SITES)
def test_the_schema_accepts_every_site_that_is_here(name: str) -> None:
    assert accepts(site_schema(), yaml.safe_load(SITES[name]))


@pytest.mark.parametrize(
    "text",
    [
        "colour: red",
        "source: {folder: sites/blog, colour: red}",
        "hosts: blog",
        "hosts: [7]",
        "source: sites/blog",
        "source: {}",
        "source: {folder: sites/blog, git: https://a.org/b}",
        "source: {folder: sites/blog, branch: main}",
        "redirect: {to: https://a.org}",
        "runtime: ruby",
        "listing: perhaps",
        "memory_mib: lots",
        "cpus: half",
    ],
)
def test_the_schema_rejects_what_a_site_can_not_say(text: str) -> None:
    good = yaml.safe_load(TWO_KEYS)
    assert accepts(site_schema(), good)
    assert not accepts(site_schema(), good | yaml.safe_load(text))


@pytest.mark.parametrize("missing", ["hosts", "source"])
def test_the_schema_rejects_half_a_site(missing: str) -> None:
    good = yaml.safe_load(TWO_KEYS)
    del good[missing]
    assert not accepts(site_schema(), good)


def test_the_schema_knows_what_is_only_for_content() -> None:
    moved = {"hosts": ["old"], "redirect": {"to": "https://a.org"}}
    assert accepts(site_schema(), moved)
    assert not accepts(site_schema(), moved | {"listing": True})


def test_editors_find_the_schema_where_the_page_says() -> None:
    page = (ROOT / "docs/reference/site-file.md").read_text()
    (named,) = (line for line in page.splitlines() if line.startswith("# yaml-language-server"))
    at = (ROOT / "config/sites" / named.partition("=")[2]).resolve()
    assert at == Path(ROOT / "docs/site.schema.json").resolve()
    assert at.exists()
