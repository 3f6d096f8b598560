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
    assert found["at_line"].startswith("2: sorce: there is no such field")
    assert found["offers"] == [
        ["hosts", "hosting"],
        ["source"],
        ["folder", "host_folder", "git"],
        ["listing"],
        ["true", "false"],
    ]
    assert found["completed"] == (
        "hosts: [blog]\nsource: {folder: sites/blog}\nlisting: true\nhosting: shared\n"
    )
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
CADDYFILE = [
    "--- live",
    "+++ new",
    "@@ -41,6 +41,13 @@",
    " \t}",
    "+\thandle @host-recipes.localhost {",
    "+\t\treverse_proxy site-recipes:80 {",
    "+\t\t\timport not_believed",
    "+\t\t}",
    "+\t}",
]
PLANNED = [
    {"step": how, "op": op, "name": name, "urn": name, "keys": keys, "of": of, "lines": lines}
    for how, op, name, keys, of, lines in (
        ("planned", "create", "container recipes", [], "recipes", []),
        ("planned", "update", "files router-config", ["files.Caddyfile"], "router", CADDYFILE),
    )
]
FORUM = [
    {"step": "planned", "op": "update", "name": "container forum", "urn": "a", "of": "forum"}
    | {"keys": ["mustRun"]}
]
PICTURES = ("", "-add", "-preview", "-publish", "-failed", "-sentence", "-site")


def test_pictures_of_the_console(tmp_path: Path) -> None:
    """With UPDATE_PICTURES=1 they are those of the documents."""
    (root := tmp_path / "checkout").mkdir()
    desk = Desk(root, PICTURED)
    desk.host.health |= {"forum": "healthy"}
    for name in ("recipes", "blog"):
        (desk.root / "sites" / name).mkdir(exist_ok=True)
    live.note("local", live.digests(desk.root) | {"notes": "0"}, desk.root)
    desk.does(
        steps=PLANNED,
        hello="Looking at what is there…\nWhat would change:\n  + container recipes\n"
        "  ~ files router-config",
        says="1 to be created, 1 to be changed, 58 unchanged, in 7 s",
    )
    (desk.commands.parent / "later").write_text(json.dumps(FORUM))
    folder = ROOT / "docs/images" if os.environ.get("UPDATE_PICTURES") else tmp_path
    try:
        link = f"{desk.address.origin}{desk.link()}"
        argv = [str(PYTHON), str(PERSON.parent / "photographer.py"), link, str(folder)]
        argv += [str(desk.commands.parent)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    finally:
        desk.stop()
    for name in (f"console{of}{colour}.png" for of in PICTURES for colour in ("", "-dark")):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert (ROOT / "docs/images" / name).is_file()
        assert (folder / name).stat().st_size < 80_000, name
