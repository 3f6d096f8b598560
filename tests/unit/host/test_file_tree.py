"""A set of files as one value: what goes into its digest, and what a tar of it unpacks to."""

import io
import os
import stat
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.file_tree import Entry, archive, digest, read_folder

NAMES = st.text("abcé .-_", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ENTRIES = st.builds(
    Entry,
    content=st.binary(max_size=20),
    owner=st.integers(0, 70000),
    mode=st.sampled_from([0o400, 0o444, 0o755]),
)


def no_file_is_a_folder(tree: dict[str, Entry]) -> bool:
    return not any(other.startswith(f"{path}/") for path in tree for other in tree)


TREES = st.dictionaries(PATHS, ENTRIES, max_size=5).filter(no_file_is_a_folder)
NO_FILE = (
    r"^sub/link is a link that doesn't lead to a file in the folder; replace it with what it "
    r"leads to$"
)
TOPS = st.sampled_from(["", "top", "releases/0a1b"])


def unpack(tar: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    entries = []
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        for info in opened:
            file = opened.extractfile(info) if info.isfile() else None
            entries.append((info, file.read() if file else b""))
    return entries


@given(TREES, TOPS)
def test_a_tar_unpacks_to_the_same_tree(tree: dict[str, Entry], top: str) -> None:
    prefix = f"{top}/" if top else ""
    found = {
        info.name.removeprefix(prefix): Entry(content, info.uid, info.mode)
        for info, content in unpack(archive(tree, top))
        if info.isfile()
    }
    assert found == tree
    assert digest(found) == digest(tree)


@given(TREES, TOPS)
def test_every_folder_comes_before_what_is_in_it_and_can_be_entered(
    tree: dict[str, Entry], top: str
) -> None:
    seen = {""}
    for info, _ in unpack(archive(tree, top)):
        assert info.name.rpartition("/")[0] in seen
        if info.isdir():
            assert info.name not in seen
            assert (info.mode, info.uid) == (0o755, 0)
            seen.add(info.name)


@given(TREES.filter(bool), st.data())
def test_the_digest_differs_when_anything_differs(
    tree: dict[str, Entry], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(tree)))
    entry = tree[path]
    rest = {other: e for other, e in tree.items() if other != path}
    for changed in (
        rest,
        rest | {f"{path}x": entry},
        rest | {path: Entry(entry.content + b"x", entry.owner, entry.mode)},
        rest | {path: Entry(entry.content, entry.owner + 1, entry.mode)},
        rest | {path: Entry(entry.content, entry.owner, entry.mode ^ 0o4)},
    ):
        assert digest(changed) != digest(tree)


def test_the_digest_knows_no_order() -> None:
    a, b = Entry(b"a"), Entry(b"b")
    assert digest({"a": a, "b": b}) == digest({"b": b, "a": a})


def test_files_get_the_present_time_or_browsers_keep_a_stale_page() -> None:
    (file,) = [info for info, _ in unpack(archive({"a": Entry(b"")}, "")) if info.isfile()]
    assert abs(file.mtime - time.time()) < 5


def test_links_are_in_the_tar_as_they_are_said() -> None:
    entries = unpack(archive({"a": Entry(b"")}, "releases/1", {"current": "releases/1"}))
    assert [(i.name, i.linkname) for i, _ in entries if i.issym()] == [("current", "releases/1")]


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "index.html").write_bytes(b"<p>")
    (tmp_path / "css/style.css").write_bytes(b"\xff\0")
    (tmp_path / "same.html").symlink_to("index.html")
    assert read_folder(tmp_path) == {
        "index.html": Entry(b"<p>"),
        "css/style.css": Entry(b"\xff\0"),
        "same.html": Entry(b"<p>"),
    }


def test_a_file_of_the_repository_is_published_readable_whatever_its_mode_here(
    tmp_path: Path,
) -> None:
    (tmp_path / "page").write_bytes(b"")
    (tmp_path / "page").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert read_folder(tmp_path) == {"page": Entry(b"", 0, 0o444)}


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../folder-too"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("")
    (tmp_path / "folder-too").mkdir()
    link = folder / "sub/link"
    link.symlink_to(target if target.startswith("/") else os.path.join("..", target))  # noqa: PTH118 - a Path would lose the `..`
    with pytest.raises(ValueError, match=NO_FILE):
        read_folder(folder)


@pytest.mark.parametrize("target", ["../real", "..", "nothing", "link"])
def test_a_link_to_a_folder_or_nowhere_is_refused_and_never_left_out(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/page.html").write_text("")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/link").symlink_to(target)
    with pytest.raises(ValueError, match=NO_FILE):
        read_folder(tmp_path)


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.html")).write_text("x")
    with pytest.raises(ValueError, match=r"'caf\\udce9.html' has a name that isn't UTF-8; rename"):
        read_folder(tmp_path)
