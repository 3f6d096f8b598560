"""What a sentence says to type is put together in one place, which names the stack."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.program import EVERY_KIND, ROOT, Graph, an_estate, run_main
from tests.unit.test_docs import targets
from tests.unit.test_layers import PROGRAM
from values.command_line import make, pulumi

_TYPED = re.compile(rf"\bmake (?:{'|'.join(targets())})(?![\w-])|`(?:make|pulumi) |\bpulumi [a-z]")


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text of a file but its docstrings, with its line."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def commands_in(source: str) -> list[tuple[int, str]]:
    """What a file says to type in words of its own."""
    return [
        (line, match[0])
        for line, text in literals(ast.parse(source))
        for match in _TYPED.finditer(text)
    ]


@pytest.mark.parametrize("file", PROGRAM, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_sentence_names_a_command_by_itself(file: Path) -> None:
    assert commands_in(file.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        'raise E("`make down` removes them first")',
        'f"{stack}: type make vault-key and again"',
        'f"`make {target}`"',
        'print("`pulumi stack init` makes one")',
        'print(f"pulumi config set {key}")',
    ],
)
def test_a_command_in_a_sentence_is_found(source: str) -> None:
    assert len(commands_in(source)) == 1


def test_a_sentence_is_for_its_stack() -> None:
    assert make("local", "up") == "make up"
    assert make("my prod", "logs NAME=vault") == "make logs NAME=vault STACK='my prod'"
    assert pulumi("prod", "cancel") == "pulumi cancel --stack prod"
    assert pulumi("prod", "config rm", "--path a.b") == "pulumi config rm --stack prod --path a.b"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """Another stack than the local one, with every service."""
    root = an_estate(tmp_path_factory.mktemp("root"), EVERY_KIND)
    ada = {"hash": "$2y$10$" + "a./Z9" * 10 + "abc", "registry": "write"}
    settings: dict[str, object] = {"registry": {}, "users": {"ada": ada}}
    return run_main("prod", root, services=True, settings=settings)


def test_what_runs_on_the_host_of_another_stack_names_it(elsewhere: Graph) -> None:
    said = [
        match[0]
        for resource in elsewhere.resources
        for match in re.finditer(r"make [a-z-]+(?: [A-Z]+=\S+)*", str(dict(resource.inputs)))
        if match[0].split()[1] in targets()
    ]
    assert {command.split()[1] for command in said} == {"logs", "registry-gc"}
    assert [command for command in said if "STACK=prod" not in command] == []
