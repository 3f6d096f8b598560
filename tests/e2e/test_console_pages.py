"""The console's pages in a real browser: by keyboard alone, narrow and wide, light and dark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from commands import live
from tests.e2e.checkout import ROOT
from tests.unit.console.desk import Desk
from tests.unit.console.test_runs import STEPS
from tests.unit.program import EVERY_KIND

PYTHON = ROOT / ".engine/tools/browser/bin/python"
PERSON = Path(__file__).parent / "support/person.py"

pytestmark = pytest.mark.skipif(
    not (PYTHON.exists() and shutil.which("chromium")),
    reason="setup/test-tools installs Chromium, Playwright and axe",
)


def test_a_person_adds_sites_by_keyboard_and_without_javascript(tmp_path: Path) -> None:
    (root := tmp_path / "checkout").mkdir()
    desk = Desk(root, EVERY_KIND)
    desk.does(steps=STEPS, says="a line of the log that is longer than a narrow page " * 4)
    (desk.root / "sites/blog/index.html").write_text("edited")
    (desk.root / "sites/pasted").mkdir()
    try:
        link = f"{desk.address.origin}{desk.link()}"
        argv = [str(PYTHON), str(PERSON), link, "/", "/sites/photos", "/sites/gone"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    finally:
        desk.stop()
    found = json.loads(done.stdout)
    not_there = "Failed to load resource: the server responded with a status of 404 (Not Found)"
    assert [problem for problem in found["problems"] if problem != not_there] == []
    assert found["others"] == []
    assert "sorce: there is no such field" in found["sentence"]
    assert found["sentence"].startswith("Line 2")
    assert found["ended"] == found["by_forms"] == "It is live."
    committed = desk.git("log", "--format=%s").splitlines()
    added = ["packed", "plain", "dropped", "pasted", "typed"]
    assert committed == [*(f"Add the site {name}" for name in added), "The first sites"]
    assert (desk.root / "sites/packed/index.html").read_text() == "packed"
    assert (desk.root / "sites/dropped/styles/a.css").read_text() == "styles/a.css"
    assert found["made"] == (
        "hosts: [new.example.org]\nsource: {folder: sites/pasted}\nruntime: php\nlisting: true\n"
    )
    assert "Line 3 php_fastcgi php:9000 PHP runs inside the site" in " ".join(found["told"].split())


PICTURED = {
    "blog.yaml": "hosts: [blog, www.example.org]\n"
    "source: {git: https://git.example.org/ada/blog, webhook: /push}\n",
    "forum.yaml": "hosts: [forum]\nsource: {folder: sites/forum}\nruntime: php\n",
    "notes.yaml": "hosts: [notes]\nsource: {folder: sites/notes}\nlisting: true\n",
    "old.yaml": "hosts: [old.example.org]\nredirect: {to: 'https://www.example.org'}\n",
}
PLANNED = [
    {"step": "planned", "op": op, "name": name, "urn": name, "keys": keys}
    for op, name, keys in (
        ("create", "files content-recipes", []),
        ("update", "files router-config", ["files.Caddyfile"]),
    )
]


def test_pictures_of_the_console(tmp_path: Path) -> None:
    """With UPDATE_PICTURES=1 they are those of the documents."""
    (root := tmp_path / "checkout").mkdir()
    desk = Desk(root, PICTURED)
    desk.host.health |= {"forum": "healthy"}
    for name in ("recipes", "blog"):
        (desk.root / "sites" / name).mkdir(exist_ok=True)
    live.note("local", live.digests(desk.root) | {"notes": "0"}, desk.root)
    desk.does(steps=PLANNED, says="1 to create, 1 to update, 58 unchanged")
    folder = ROOT / "docs/images" if os.environ.get("UPDATE_PICTURES") else tmp_path
    try:
        link = f"{desk.address.origin}{desk.link()}"
        argv = [str(PYTHON), str(PERSON.parent / "photographer.py"), link, str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    finally:
        desk.stop()
    for name in ("console", "console-dark", "console-preview", "console-preview-dark"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (ROOT / f"docs/images/{name}.png").is_file()
