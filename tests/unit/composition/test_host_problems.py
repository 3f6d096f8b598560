"""What the host says against sites is told at once, before anything is declared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.site import lines
from composition import host_problems
from composition.host_problems import refuse_what_the_host_refuses
from composition.sites import what_answers
from config import loading
from host import engine, host_folder
from tests.unit.program import an_estate, own_config

SITES = {
    "a.yaml": "hosts: [a]\nsource: {folder: sites/a}\ncaddyfile: templates\n",
    "b.yaml": "hosts: [b]\nsource: {folder: sites/b}\ncaddyfile: header A b\n",
    "c.yaml": "hosts: [c]\nsource: {host_folder: /srv/none}\n",
    "d.yaml": "hosts: [d]\nsource: {folder: sites/d}\ncaddyfile: |\n\n  metrics /x\n",
    "e.yaml": "hosts: [e]\nredirect: {to: https://example.net}\n",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A host that refuses the lines of a and d, and c's folder; the list is who was asked about."""
    about: list[str] = []

    def answer(*refused: str) -> Callable[[dict[str, Any]], str]:
        def ask(props: dict[str, Any]) -> str:
            site = props["labels"]["homeport.component"]
            about.append(site)
            return f"{props['shown_as']}: no" if site in refused else ""

        return ask

    monkeypatch.setattr(host_problems, "_TAKEN", tmp_path / "taken")
    monkeypatch.setattr(lines, "problem", answer("a", "d"))
    monkeypatch.setattr(host_folder, "problem", answer("c"))
    monkeypatch.setattr(engine, "connect", lambda _: None)
    monkeypatch.setattr(engine, "reachable", lambda _: True)
    monkeypatch.setattr(engine, "has_image", lambda _client, _ref: True)
    return about


def ask(root: Path, sites: dict[str, str]) -> list[str]:
    return ask_about(an_estate(root, sites))


def ask_about(root: Path) -> list[str]:
    estate = loading.load("prod", own_config("prod"), root)
    try:
        refuse_what_the_host_refuses(
            estate, {site.name: what_answers(site, estate, {}) for site in estate.sites}
        )
    except pulumi.RunError as error:
        return str(error).split("\n")
    return []


@pytest.mark.usefixtures("asked")
def test_folders_of_this_repository_are_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = {name: SITES[name] for name in ("a.yaml", "b.yaml", "d.yaml")}
    root = an_estate(tmp_path, sites)
    monkeypatch.chdir(root)
    for site in "bd":
        (root / f"sites/{site}/link").symlink_to("/etc/passwd")
    assert ask_about(root) == [
        f"config/sites/{site}.yaml: sites/{site} can't be served: link is a link that doesn't "
        "lead to a file in the folder; replace it with what it leads to"
        for site in "bd"
    ] + ["config/sites/a.yaml: no", "config/sites/d.yaml: no"]


@pytest.mark.usefixtures("asked")
def test_all_problems_are_told_at_once_and_plainly(tmp_path: Path) -> None:
    assert ask(tmp_path, SITES) == [
        "config/sites/a.yaml: no",
        "config/sites/c.yaml:2: no",
        "config/sites/d.yaml: no",
    ]


def test_lines_that_were_taken_are_not_looked_at_again(asked: list[str], tmp_path: Path) -> None:
    ask(tmp_path / "first", SITES)
    assert sorted(asked) == ["a", "b", "c", "d"]
    asked.clear()
    ask(tmp_path / "second", SITES)
    assert sorted(asked) == ["a", "c", "d"], "a folder may be gone by now"
    asked.clear()
    ask(tmp_path / "third", {"b.yaml": SITES["b.yaml"] + "egress: true\n"})
    assert asked == ["b"], "other lines, and what they may depend on, are"


def test_a_host_that_can_not_be_asked_yet_is_asked_by_up(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for what in ("reachable", "has_image"):
        with monkeypatch.context() as patch:
            patch.setattr(engine, what, lambda *_: False)
            assert ask(tmp_path / what, SITES) == []
    assert asked == []
    assert not (tmp_path / "taken").exists()


def test_a_stack_without_lines_and_host_folders_asks_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "reachable", lambda _: pytest.fail("the host was asked"))
    assert ask(tmp_path, {"e.yaml": SITES["e.yaml"]}) == []
