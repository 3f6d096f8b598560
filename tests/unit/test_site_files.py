"""Site files: what is taken, and the whole message for each that is not."""

import contextlib
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.estate import Estate
from config.hosts import canonical_host
from config.model import ConfigError
from config.settings import PROJECT
from config.site import Site
from config.yaml_file import YamlFile
from tests.unit.program import an_estate, engine_config

GOOD = "hosts: [blog]\nsource: {folder: sites/blog}\n"

NO_HOST_NAME = (
    "not a host name; use letters, digits and hyphens between dots, each part 1 to 63 "
    "characters, such as blog or www.example.org"
)
NO_FOLDER = "must be a folder of this repository, such as sites/blog"
NOT_THERE = "there is no such folder in this repository; create it, or name one that is there"


def load(root: Path) -> Estate:
    config = {k.removeprefix(f"{PROJECT}:"): v for k, v in engine_config("prod").items()}
    return Estate.load("prod", config, root)


def problems(root: Path, sites: dict[str, str]) -> list[str]:
    """What is wrong with these site files, by name, in a repository with a folder for each."""
    try:
        load(an_estate(root, sites))
    except ConfigError as error:
        return list(error.problems)
    return []


# What is taken


def test_two_keys_are_a_site(tmp_path: Path) -> None:
    (site,) = load(an_estate(tmp_path, {"blog.yaml": GOOD})).sites
    assert (site.name, site.hosts, site.source.folder) == ("blog", ("blog",), "sites/blog")


def test_a_folder_of_sites_may_be_empty(tmp_path: Path) -> None:
    assert load(an_estate(tmp_path, {})).sites == ()


def test_what_an_editor_leaves_behind_is_no_site(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {"blog.yaml": GOOD})
    (root / "config/sites/.blog.yaml.swp").write_bytes(b"\0\xff")
    assert len(load(root).sites) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("blog", "blog"),
        ("WWW.Example.ORG.", "www.example.org"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("3com.org", "3com.org"),
        ("a" * 63, "a" * 63),
    ],
)
def test_a_host_is_known_by_the_name_that_dns_has(written: str, meant: str) -> None:
    assert canonical_host(written) == meant


# What is not


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{GOOD}host: x\n", "3: host: there is no such field; allowed here: hosts, source"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog\n  git: x\n",
            "4: source.git: there is no such field; allowed here: folder",
        ),
        (
            "hosts: [blog]\n",
            "1: source is missing; add it, such as source: {folder: sites/blog}",
        ),
        (
            "source: {folder: sites/blog}\n",
            "1: hosts is missing; add it, such as hosts: [blog]",
        ),
        (
            "hosts: [blog]\nsource: {}\n",
            "2: source.folder is missing; add it, such as folder: sites/blog",
        ),
        # hosts
        (
            "source: {folder: sites/blog}\nhosts: blog\n",
            "2: hosts is 'blog': must be a list, such as hosts: [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n",
            "2: hosts is empty: must be a list, such as hosts: [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts: []\n",
            "2: hosts is []: must have at least one host, such as [blog]",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n  - blog\n  - no\n",
            "4: hosts.1 is false: must be text, put in quotes",
        ),
        (
            "source: {folder: sites/blog}\nhosts:\n  - blog\n  - a b\n",
            f"4: hosts.1 is 'a b': {NO_HOST_NAME}",
        ),
        *(
            (
                f"source: {{folder: sites/blog}}\nhosts: [a, '{host}']\n",
                f"2: hosts.1 is '{host}': {NO_HOST_NAME}",
            )
            for host in (
                "",
                "*.example.org",
                "http://example.org",
                "example.org:80",
                "a" * 55 + "!",
            )
        ),
        (
            "source: {folder: sites/blog}\nhosts: [a, 192.168.0.1]\n",
            "2: hosts.1 is '192.168.0.1': an address is no host name; use a name such as blog or "
            "www.example.org",
        ),
        # source
        (
            "hosts: [blog]\nsource: sites/blog\n",
            "2: source is 'sites/blog': must be fields with values, such as source: {folder: "
            "sites/blog}",
        ),
        (
            "hosts: [blog]\nsource: {folder: 7}\n",
            "2: source.folder is 7: must be text, put in quotes, such as folder: sites/blog",
        ),
        ("hosts: [blog]\nsource: {folder: /etc}\n", f"2: source.folder is '/etc': {NO_FOLDER}"),
        ("hosts: [blog]\nsource: {folder: ../x}\n", f"2: source.folder is '../x': {NO_FOLDER}"),
        (
            "hosts: [blog]\nsource: {folder: sites/../../x}\n",
            f"2: source.folder is 'sites/../../x': {NO_FOLDER}",
        ),
        ("hosts: [blog]\nsource: {folder: .}\n", f"2: source.folder is '.': {NO_FOLDER}"),
        ("hosts: [blog]\nsource: {folder: ''}\n", f"2: source.folder is '': {NO_FOLDER}"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/log\n",
            f"3: source.folder is 'sites/log': {NOT_THERE}",
        ),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog/index.html\n",
            f"3: source.folder is 'sites/blog/index.html': {NOT_THERE}",
        ),
        # YAML
        ("- hosts\n- source\n", "1: must be a mapping of fields to values"),
        (
            "hosts: [blog\nsource: x\n",
            "2: is not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
        ),
        (
            "\thosts: [blog]\n",
            "1: is not YAML: while scanning for the next token, found character '\\t' that cannot "
            "start any token",
        ),
        (
            f"{GOOD}---\n{GOOD}",
            "3: is not YAML: expected a single document in the stream, but found another document",
        ),
        ("hosts: *blog\n", "1: is not YAML: found undefined alias 'blog'"),
        (f"{GOOD}hosts: [x]\n", "3: hosts is given twice; keep one"),
        (
            "hosts: [blog]\nsource:\n  folder: sites/blog\n  folder: sites/log\n",
            "4: folder is given twice; keep one",
        ),
        ("? [a]\n: b\n", "1: a field's name must be plain text"),
        ("a: 2026-13-01\n", "1: '2026-13-01' can't be read: month must be in 1..12"),
        ("a: !b c\n", "1: 'c' can't be read: could not determine a constructor for the tag '!b'"),
    ],
)
def test_a_bad_site_file_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, {"blog.yaml": text}) == [f"config/sites/blog.yaml:{problem}"]


def test_an_empty_file_is_told_what_goes_into_it(tmp_path: Path) -> None:
    assert problems(tmp_path, {"blog.yaml": ""}) == [
        "config/sites/blog.yaml: hosts is missing; add it, such as hosts: [blog]",
        "config/sites/blog.yaml: source is missing; add it, such as source: {folder: sites/blog}",
    ]


def test_an_alias_within_what_it_names_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, {"blog.yaml": "hosts: &all [blog, *all]\n"}) == [
        "config/sites/blog.yaml: an alias (*) stands within what it names; write it out"
    ]


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    root = an_estate(tmp_path, {})
    (root / "config/sites/blog.yaml").write_bytes(b"hosts: [\xff]\n")
    (root / "config/sites/shop.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert caught.value.problems == (
        "config/sites/blog.yaml: is not UTF-8 text; save it as UTF-8",
        "config/sites/shop.yaml: can't be read: is a directory",
    )


@pytest.mark.parametrize("name", ["Blog", "my blog", "a" * 41, "-blog", "blog-", "blög", "a.b"])
def test_a_sites_file_has_a_name_that_docker_takes_too(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {f"{name}.yaml": GOOD.replace("blog}", f"{name}}}")}) == [
        f"config/sites/{name}.yaml: a site's file name is 1 to 40 lower-case letters, digits, "
        "hyphens and underscores before .yaml, such as blog.yaml; rename it"
    ]


@pytest.mark.parametrize("name", ["blog.yml", "blog.yaml.bak", "blog.json", "README"])
def test_a_file_that_is_no_site_is_not_passed_over_silently(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {name: GOOD}) == [
        f"config/sites/{name}: a site's file ends in .yaml, such as blog.yaml; rename or move it"
    ]


@pytest.mark.parametrize(
    "name", ["host", "proxy", "publisher", "registry", "vault", "prometheus", "smoke"]
)
def test_the_name_of_a_part_is_no_sites_name(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, {f"{name}.yaml": GOOD}) == [
        f"config/sites/{name}.yaml: {name} is the name of a part of Homeport; rename the file"
    ]


def test_a_host_belongs_to_one_site(tmp_path: Path) -> None:
    a = "hosts: [x.org, blog]\nsource: {folder: sites/a}\n"
    b = "hosts: [y.org, BLOG.example.org]\nsource: {folder: sites/b}\n"
    assert problems(tmp_path, {"a.yaml": a, "b.yaml": b}) == [
        "config/sites/b.yaml: hosts has 'blog.example.org', which config/sites/a.yaml has as well; "
        "keep it in one of them"
    ]


def test_a_host_is_named_once(tmp_path: Path) -> None:
    text = "hosts: [blog, x.org, blog.example.org]\nsource: {folder: sites/blog}\n"
    assert problems(tmp_path, {"blog.yaml": text}) == [
        "config/sites/blog.yaml: hosts has 'blog.example.org' twice; keep one"
    ]


def test_a_link_does_not_lead_out_of_the_repository(tmp_path: Path) -> None:
    root = an_estate(tmp_path / "root", {"blog.yaml": "hosts: [b]\nsource: {folder: sites/link}\n"})
    (tmp_path / "elsewhere").mkdir()
    (root / "sites/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as caught:
        load(root)
    assert caught.value.problems == (
        f"config/sites/blog.yaml:2: source.folder is 'sites/link': {NOT_THERE}",
    )


def test_a_name_that_no_file_system_takes_is_no_folder(tmp_path: Path) -> None:
    name = "a" * 300
    text = f"hosts: [b]\nsource: {{folder: {name}}}\n"
    assert problems(tmp_path, {"blog.yaml": text}) == [
        f"config/sites/blog.yaml:2: source.folder is {name!r}: {NOT_THERE}"
    ]


# Whatever is in a file

SYNTAX = "[]{}:,-?#'\"\n \t\0é"
PHRASES = [
    "hosts",
    "source",
    "folder",
    "blog",
    "sites/blog",
    "..",
    "&a",
    "*a",
    "!x",
    "<<",
    "|",
    "~",
]
WORDS = st.sampled_from([*PHRASES, *SYNTAX])
TEXTS = st.text() | st.lists(WORDS).map(" ".join) | st.lists(WORDS).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["hosts", "source", "folder"]) | st.text(max_size=3)
MAPPINGS = st.dictionaries(
    FIELDS, VALUES | st.dictionaries(FIELDS, VALUES, max_size=3) | st.lists(st.text()), max_size=4
)
HOSTS = st.text() | st.text(string.ascii_letters + string.digits + ".-_ßü。\uff11")


@given(TEXTS)
def test_no_text_breaks_the_reading_of_a_file(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.write(text.encode(errors="replace").decode())
        file.flush()
        with contextlib.suppress(ConfigError):
            assert isinstance(YamlFile(Path(file.name), "the/file.yaml").data, dict)


@given(MAPPINGS)
def test_no_mapping_breaks_the_reading_of_a_site(mapping: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "blog.yaml")
        file.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
        try:
            site = Site.read(file, "config/sites/blog.yaml", Path(folder))
        except ConfigError as error:
            told = error.problems
        else:
            told = (f"config/sites/{site.name}.yaml: is fine",)
    assert told
    assert all(problem.startswith("config/sites/blog.yaml:") for problem in told)
    assert all(problem.isprintable() for problem in told)


@given(HOSTS)
def test_a_host_is_refused_or_has_one_form(text: str) -> None:
    with contextlib.suppress(ValueError):
        host = canonical_host(text)
        assert canonical_host(host) == host
        assert canonical_host(host.upper()) == host
        assert host.isascii()
