"""Folders that stand in for remote repositories."""

import subprocess

import pytest
from publisher.git import RefusedError

from tests.unit.images.publisher.support import Box

FETCH = "mirror:github.com/owner/pages"
PAGES = {
    "github.com/owner/pages/master/index.html": "new",
    "github.com/owner/pages/old/index.html": "old",
    "github.com/owner/pages/old/.gitignore": "*.log",
    "github.com/owner/pages/old/kept.log": "log",
    "github.com/owner/pages/README": "no branch",
}


def test_each_folder_is_a_branch(box: Box) -> None:
    box.switch(box.mirror, PAGES)
    box.publish("old", fetch=FETCH, ref={"branch": "old"})
    box.publish("new", fetch=FETCH, ref=None, as_="new")
    assert box.served("old") == {"index.html": "old", ".gitignore": "*.log", "kept.log": "log"}
    assert box.served("new") == {"new/index.html": "new"}


def test_files_are_published_as_they_are_whatever_gitattributes_says(box: Box) -> None:
    pages = {".gitattributes": "* text=auto ident\n", "page": "one\n$Id: x $\n"}
    box.switch(box.mirror, {f"x/main/{name}": text for name, text in pages.items()})
    (box.mirror / "current/x/main/dos").write_bytes(b"a\r\nb\r\n")
    box.publish(fetch="mirror:x", ref=None)
    current = box.paths.site("blog") / "current"
    assert (current / "page").read_text() == pages["page"]
    assert (current / "dos").read_bytes() == b"a\r\nb\r\n"


@pytest.mark.parametrize(
    ("branches", "default"),
    [(["a", "main", "master"], "master"), (["a", "main", "z"], "main"), (["a", "b"], "a")],
)
def test_the_default_branch(box: Box, branches: list[str], default: str) -> None:
    box.switch(box.mirror, {f"x/{branch}/page": branch for branch in branches})
    box.publish(fetch="mirror:x", ref=None)
    assert box.served() == {"page": default}


def test_the_same_files_are_the_same_commit_whenever_they_are_made(box: Box) -> None:
    box.switch(box.mirror, PAGES)
    first = box.publish(fetch=FETCH, ref=None)
    box.switch(box.mirror, PAGES | {"other": "file"})
    assert box.publish(fetch=FETCH, ref=None) == first
    assert len(box.releases()) == 1


def test_a_new_mirror_is_published(box: Box) -> None:
    box.switch(box.mirror, PAGES)
    box.publish(fetch=FETCH, ref=None)
    box.switch(box.mirror, {"github.com/owner/pages/master/index.html": "newer"})
    box.publish(fetch=FETCH, ref=None)
    assert box.served() == {"index.html": "newer"}


def test_a_mirror_is_made_once_for_all_sites(box: Box) -> None:
    box.switch(box.mirror, PAGES)
    box.publish("one", fetch=FETCH, ref=None)
    made = box.paths.mirror("github.com/owner/pages").stat().st_ino
    box.publish("two", fetch=FETCH, ref=None)
    assert box.paths.mirror("github.com/owner/pages").stat().st_ino == made


def test_it_is_made_without_this_machine_s_clock_and_names(box: Box) -> None:
    box.switch(box.mirror, PAGES)
    box.publish(fetch=FETCH, ref=None)
    mirror = box.paths.mirror("github.com/owner/pages")
    said = subprocess.run(
        ["git", "log", "--format=%ad %an %ae %cd %cn", "--date=unix", "master"],
        env={"GIT_DIR": str(mirror), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout == "946684800 mirror mirror@localhost 946684800 mirror\n"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (None, "the stack's mirror has no folder github.com/owner/pages"),
        ({"other": "file"}, "the stack's mirror has no folder github.com/owner/pages"),
        ({"github.com/owner/pages/page": ""}, "has no folder for a branch"),
    ],
)
def test_what_is_missing_is_said(box: Box, files: dict[str, str] | None, problem: str) -> None:
    if files:
        box.switch(box.mirror, files)
    with pytest.raises(RefusedError, match=problem):
        box.publish(fetch=FETCH)
