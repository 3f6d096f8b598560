"""Which room may know which, and how much stands in one file: as the program's files state it."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.program import ROOT

ROOMS = ("values", "host", "components", "composition", "config", "commands", "console")
PROGRAM = [
    ROOT / "__main__.py",
    *(file for room in (*ROOMS, "images") for file in sorted((ROOT / room).rglob("*.py"))),
]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 250, 60
# What renders the text of a file, from plain data.
RENDERERS = [
    *(ROOT / "components").rglob("*caddyfile.py"),
    *(ROOT / "components").rglob("*config.py"),
    ROOT / "components/prometheus/rules.py",
    ROOT / "components/publisher/sources.py",
    ROOT / "components/site/php.py",
    ROOT / "components/site/owner_lines.py",
]


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@functools.cache
def imports(file: Path) -> tuple[str, ...]:
    return tuple(_imports(file))


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def floors(start: str) -> tuple[str, ...]:
    """The longest chain of imports between the program's own modules that begins at one."""
    return max(((start, *floors(name)) for name in own_imports(start)), key=len, default=(start,))


@functools.cache
def own_imports(module: str) -> frozenset[str]:
    modules = (name.rpartition(".")[::2] for name in imports(file_of(module)))
    names = {name for parent, last in modules for name in (parent, f"{parent}.{last}")}
    return frozenset(name for name in names if file_of(name).is_file())


def file_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def knows(folder: str, *others: str) -> list[str]:
    """Where files of a folder import what is below others."""
    return [
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / folder).rglob("*.py")
        for name in imports(file)
        if any(f"{name}.".startswith(f"{other}.") for other in others)
    ]


def test_values_know_nothing_but_each_other() -> None:
    assert knows("values", *(room for room in ROOMS if room != "values")) == []
    used = {name.partition(".")[0] for f in (ROOT / "values").glob("*.py") for name in imports(f)}
    assert used <= {*sys.stdlib_module_names, "pydantic", "values"}


def test_the_host_knows_no_service() -> None:
    assert knows("host", "components", "composition", "config", "commands") == []


def test_the_files_of_config_know_nothing_that_is_made_of_them() -> None:
    assert knows("config", "components", "composition", "commands", "host") == []


def test_the_console_is_a_program_of_its_own_that_no_command_loads() -> None:
    packages = ("console", "starlette", "uvicorn", "jinja2", "python_multipart")
    others = [room for room in ROOMS if room != "console"]
    assert [known for room in others for known in knows(room, *packages)] == []
    assert knows("console", "components", "composition", "host") == []


def test_components_know_neither_files_nor_commands() -> None:
    assert knows("components", "composition", "config", "commands") == []


PARTS = sorted(file.parent.name for file in (ROOT / "components").glob("*/__init__.py"))


@pytest.mark.parametrize("part", PARTS)
def test_no_part_knows_another(part: str) -> None:
    others = [f"components.{other}" for other in PARTS if other != part]
    assert knows(f"components/{part}", *others) == []


def test_what_parts_share_knows_none_of_them() -> None:
    shared = (ROOT / "components").glob("*.py")
    known = [name for file in shared for name in imports(file)]
    parts = tuple(f"components.{part}." for part in PARTS)
    assert [name for name in known if name.startswith(parts)] == []


@pytest.mark.parametrize("file", RENDERERS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_renderer_declares_nothing(file: Path) -> None:
    used = {name.partition(".")[0] for name in imports(file)}
    assert used.isdisjoint({"pulumi", "pulumi_docker", "docker"})


@pytest.mark.parametrize("room", ROOMS)
def test_packages_are_empty(room: str) -> None:
    assert [str(f) for f in (ROOT / room).rglob("__init__.py") if f.read_text()] == []


@pytest.mark.parametrize("start", ["__main__", "commands.__main__", "console.__main__"])
def test_the_tower_of_imports_has_eight_floors(start: str) -> None:
    """What stands higher is changed by whatever is changed below."""
    tower = floors(start)
    assert len(tower) <= 8, " > ".join(tower)


def test_a_file_is_read_at_one_sitting() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in PROGRAM}
    assert {file: lines for file, lines in long.items() if lines > LINES_OF_A_FILE} == {}


def test_a_function_fits_on_a_screen() -> None:
    """Docstring included, decorators not."""
    long = {
        f"{file.relative_to(ROOT)} {node.name}": lines
        for file in PROGRAM
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_the_sdk_of_docker_finds_no_ssh_of_its_own() -> None:
    """It would load paramiko in each process, a quarter of its start (decision 0001)."""
    assert importlib.util.find_spec("paramiko") is None
