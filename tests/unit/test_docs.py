"""What the documents quote exists: links, paths, make targets, commands and settings."""

from __future__ import annotations

import re
import subprocess
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pydantic
import pytest
import yaml

from commands.__main__ import COMMANDS
from config.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

PULUMI = {
    "cancel",
    "config get",
    "config rm",
    "config set",
    "destroy",
    "preview",
    "stack init",
    "stack rm",
    "stack select",
    "up",
}
"""Subcommands of Pulumi that the documents may quote. Each was typed."""

NOT_OF_THE_REPOSITORY = {
    "sites/blog": "the reader makes it",
    "sites/blog/index.html": "the reader makes it",
    "config/sites/blog.yaml": "the reader makes it",
    "sites/bolg": "a mistake that an error shows",
    "config/sites/proxy.yaml": "a mistake that an error shows",
    "config/sites/blog.yml": "a mistake that an error shows",
    ".engine": "made by `make setup`",
    ".venv": "made by `make setup`",
    ".state": "made by `activate`",
    ".engine/errors.log": "made by an unexpected error",
    ".engine/output/local-up.log": "made by `make up`",
    ".engine/output": "made by `make up`",
    ".engine/states": "made by `make restore`",
    ".engine/console": "made by `make console`",
    ".engine/taken": "made by the first preview of free lines",
    "homeport/local": "a label's value",
    "releases": "a folder in a volume",
    "index.html": "a file of any folder",
    "blog.yaml": "an example in an error",
    "docker.io": "a Debian package",
    "HTTP/1.1": "a protocol",
    "www.example.org/new": "a host and its path",
    "example.org/blog": "a host and its path",
    "public/html": "a folder of somebody's repository",
    "ca.pem": "the reader makes it",
    "refs/heads/old": "a branch of somebody's repository",
    "application/json": "a kind of content",
    "services": "a mount of the vault",
    "shop/*": "all environments of a service",
    "shop/local": "an environment in the vault",
    "shop/prod": "an environment in the vault",
    "auth/approle/role/shop.local/role-id": "a path in the vault",
    "auth/approle/role/shop.local/secret-id": "a path in the vault",
    "dist/*": "the reader makes it",
    "greet/dist/*": "the reader makes it",
    "greet/dist/greet-0.2.0*": "the reader makes it",
    "with-uv/pyproject.toml": "the reader makes it",
}

_CODE = re.compile(r"^```.*?^```$|(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"\.?[A-Za-z_][\w.-]*(?:/[\w.*-]+)*/?")
_FILE = re.compile(r"[\w.-]+\.(?:py|yaml|yml|toml|md|txt|html|css|js|svg|sh|pem|io)")
_MAKE = re.compile(r"(?<![\w-])make((?: (?:--?[a-z]+|[A-Z_]+=\S+))*) ([a-z][\w-]*)")
_COMMAND = re.compile(r"python3? -m commands ([a-z][\w-]*)")
_PULUMI = re.compile(
    r"(?<![\w./:-])pulumi (?:(stack|config|state)(?: ([a-z]+))?|([a-z]+))(?![\w:.])"
)
_SETTING = re.compile(r"\bhomeport:([a-z]\w*)((?:\.\w+)*)(?!:?\w)")
_LABEL = re.compile(r"(?<![\w.])homeport\.([a-z]\w*)")


def code_of(text: str) -> Iterator[str]:
    """Every code block and code span."""
    for match in _CODE.finditer(text):
        yield match[2] or match[0].strip("`")


def problems(text: str, at: Path) -> list[str]:
    """All that a document quotes and that doesn't exist, in the order of these checks."""
    code = "\n".join(code_of(text))
    return [
        *_missing_links(_CODE.sub("", text), at),
        *(f"path {path}" for path in paths_in(code) if not _exists(path)),
        *(f"make {m[2]}" for m in _MAKE.finditer(code) if m[2] not in targets()),
        *(f"command {m[1]}" for m in _COMMAND.finditer(code) if m[1] not in COMMANDS),
        *(f"pulumi {name}" for name in pulumi_in(code) if name not in PULUMI),
        *(f"setting {m[0]}" for m in _SETTING.finditer(code) if not _is_setting(m[1], m[2])),
        *(f"label {m[0]}" for m in _LABEL.finditer(code) if not _is_label(m[0])),
    ]


def paths_in(code: str) -> Iterator[str]:
    """What looks like a path below this repository: a slash, or a file's ending."""
    for word in re.split(r"[\s`'\"()\[\]{},;<>|]+", code):
        path = re.sub(r"(?::\d+)?[:.…]*$", "", word)  # as in config/sites/blog.yaml:2:
        if _PATH.fullmatch(path) and ("/" in path or _FILE.fullmatch(path)):
            yield path.removesuffix("/")


def pulumi_in(code: str) -> Iterator[str]:
    """Pulumi's subcommands, such as `up` and `config set`."""
    for group, member, alone in _PULUMI.findall(code):
        yield alone or f"{group} {member}".strip()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _exists(path: str) -> bool:
    if path in NOT_OF_THE_REPOSITORY:
        return True
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


def _missing_links(prose: str, at: Path) -> Iterator[str]:
    for target in _LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        there = (at.parent / file).resolve() if file else at
        if not there.exists() or (heading and heading not in _headings(there)):
            yield f"link {target}"


def _headings(document: Path) -> set[str]:
    """Anchors of the headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _is_setting(key: str, below: str) -> bool:
    at: Any = Settings
    for name in (key, *filter(None, below.split("."))):
        if isinstance(at, types.UnionType):  # or None
            at = get_args(at)[0]
        if get_origin(at) is Mapping:  # of any keys
            at = get_args(at)[1]
        elif isinstance(at, type) and issubclass(at, pydantic.BaseModel):
            fields = {field.alias or key: field for key, field in at.model_fields.items()}
            if name not in fields:
                return False
            at = fields[name].annotation
            if isinstance(at, UnionType):  # a section that may be missing
                at = get_args(at)[0]
        else:
            return False
    return key in declared()


def _is_label(label: str) -> bool:
    return any(f'"{label}"' in file.read_text() for file in (ROOT / "host").glob("*.py"))


def declared() -> set[str]:
    return set(Settings.model_fields)


@pytest.mark.parametrize("document", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_quotes_exists(document: Path) -> None:
    assert problems(document.read_text(), document) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[gone](docs/gone.md)", "link docs/gone.md"),
        ("[gone](docs/how-to/local.md#gone)", "link docs/how-to/local.md#gone"),
        ("[gone](#gone)", "link #gone"),
        ("`components/gone.py`", "path components/gone.py"),
        ("``components/gone.py``", "path components/gone.py"),
        ("`gone.yaml`", "path gone.yaml"),
        ("`setupp/engine`", "path setupp/engine"),
        ("`config/gone/*.yaml`", "path config/gone/*.yaml"),
        ("```\nconfig/sites/gone.yaml:2: is wrong\n```", "path config/sites/gone.yaml"),
        ("`make gone`", "make gone"),
        ("```\nmake --silent gone STACK=prod\n```", "make gone"),
        ("`YES=1 make STACK=prod gone`", "make gone"),
        ("`python -m commands gone`", "command gone"),
        ("`pulumi gone`", "pulumi gone"),
        ("```\npulumi stack gone --stack local\n```", "pulumi stack gone"),
        ("`homeport:gone`", "setting homeport:gone"),
        ("`homeport:listen.gone`", "setting homeport:listen.gone"),
        ("`homeport:domain.gone`", "setting homeport:domain.gone"),
        ("`homeport:site_secrets.blog.gone`", "setting homeport:site_secrets.blog.gone"),
        ("```\n  homeport:gone: {issuer: internal}\n```", "setting homeport:gone"),
        ("`homeport.gone`", "label homeport.gone"),
    ],
)
def test_what_does_not_exist_is_found(text: str, problem: str) -> None:
    assert problems(text, ROOT / "README.md") == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "Words alone: make gone, pulumi gone, gone.yaml.",
        "[vendor](https://example.org/gone.md)",
        "`make up STACK=prod`, `pulumi config set --path homeport:listen.http 8081`",
        "`pulumi config set --secret --path homeport:site_secrets.blog.token`",
        "`unix:///var/run/docker.sock`, `~/.ssh/config`, `/etc/hosts`, `caddy:2.11.7`",
        "` +  docker:index:Container welcome created (3s)`",
        "`homeport:index:CaddySite`, `pulumi:pulumi:Stack homeport-local`",
    ],
)
def test_what_is_no_quotation_is_left_alone(text: str) -> None:
    assert problems(text, ROOT / "README.md") == []


def test_the_page_of_commands_lists_every_make_target_of_the_help() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    helped = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = set(re.findall(r"^\| `make ([a-z-]+)", page, re.MULTILINE))
    assert listed == helped


def test_every_setting_is_explained() -> None:
    table = (ROOT / "docs/reference/settings.md").read_text()
    assert set(re.findall(r"^\| `homeport:(\w+)`", table, re.MULTILINE)) == declared()


def test_every_decision_is_linked_from_a_page() -> None:
    pages = "\n".join(page.read_text() for page in DOCS if page.parent.name != "decisions")
    for decision in (ROOT / "docs/decisions").iterdir():
        assert f"decisions/{decision.name})" in pages, f"{decision.name} is linked from no page"


def test_the_index_lists_every_page() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text()
    linked = {(docs / target.partition("#")[0]).resolve() for target in _LINK.findall(index)}
    kinds = ("start", "how-to", "reference", "explanation")
    pages = {page for kind in kinds for page in (docs / kind).glob("*.md")}
    assert pages <= linked


def test_no_exception_outlives_its_use() -> None:
    code = "\n".join(part for document in DOCS for part in code_of(document.read_text()))
    assert set(NOT_OF_THE_REPOSITORY) <= set(paths_in(code))
    assert set(pulumi_in(code)) == PULUMI


def test_the_line_that_takes_encrypted_values_away_leaves_their_names(tmp_path: Path) -> None:
    (line,) = re.findall(r"^perl .*", (ROOT / "docs/how-to/restore.md").read_text(), re.MULTILINE)
    (tmp_path / "Pulumi.prod.yaml").write_text("""\
config:
  homeport:backup: {at: "03:17", password: {secure: 'v1:a+/='}, env: {NAME: {secure: 'v1:b'}}}
  homeport:users:
    ada:
      hash:
        secure: v1:c
      registry: write
encryptionsalt: v1:d:v1:e
""")
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    assert yaml.safe_load((tmp_path / "Pulumi.prod.yaml").read_text()) == {
        "config": {
            "homeport:backup": {"at": "03:17", "password": None, "env": {"NAME": None}},
            "homeport:users": {"ada": {"hash": None, "registry": "write"}},
        }
    }
