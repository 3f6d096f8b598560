"""All folders of a shared volume are looked at once."""

import hashlib
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from host import file_tree, shared_folders
from host.file_tree import Entry

SHA = hashlib.sha256(b"one").hexdigest()


def test_the_digest_is_that_of_the_files_as_they_were_written() -> None:
    lines = [
        "folder blog",
        "entry 1000 444 ./index.html",
        "entry 0 4755 ./a b/c.html",
        f"{SHA}  ./index.html",
        f"{SHA}  ./a b/c.html",
        "folder shop",
        "",
    ]
    blog, shop = shared_folders.parsed(lines).values()
    tree = {"index.html": Entry(b"one", 1000), "a b/c.html": Entry(b"one", 0, 0o4755)}
    assert blog.digest == file_tree.digest(tree)
    assert shop.digest == file_tree.digest({})


def test_what_can_not_be_read_or_is_no_file_has_no_digest() -> None:
    (folder,) = shared_folders.parsed(["folder blog", "entry 1000 777 ./link"]).values()
    assert folder.digest == ""


@given(st.lists(st.text()))
def test_any_lines_are_read(lines: list[str]) -> None:
    shared_folders.parsed(lines)


def test_what_the_publisher_brings_is_not_read(tmp_path: Path) -> None:
    for site, writer in {"git": "publisher", "folder": "volume-files"}.items():
        (tmp_path / site / "releases/1").mkdir(parents=True)
        (tmp_path / site / "releases/1/index.html").write_text("one")
        (tmp_path / site / "current").symlink_to("releases/1")
        (tmp_path / site / "written-by").write_text(f"{writer}\n")
    argv = ["sh", "-c", shared_folders._LIST, "sh", str(tmp_path)]
    listed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    folders = shared_folders.parsed(listed.split("\n"))
    assert folders["folder"].digests == {"index.html": SHA}
    assert folders["git"].owners == {}
