"""Pages that are given as a folder or a zip: what is taken, and what is refused in one sentence."""

import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from console import dropped
from console.dropped import Dropped, DroppedError, listing


@pytest.fixture
def store(tmp_path: Path) -> Dropped:
    return Dropped(tmp_path / "pages")


def zipped(files: Mapping[str, bytes], mode: int = 0, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, packed
            archive.writestr(info, content)
    return out.getvalue()


def given(store: Dropped, content: bytes) -> dict[str, bytes]:
    """What stands in the folder of what was taken."""
    folder = store.at(store.take_zip(io.BytesIO(content)))
    assert folder
    return {path: (folder / path).read_bytes() for path in listing(folder)}


@pytest.mark.parametrize("around", ["", "blog/", "public/"])
def test_a_folder_around_it_all_is_left_out(store: Dropped, around: str) -> None:
    files = {f"{around}index.html": b"<p>", f"{around}a/b/ü.css": b"b{}", "__MACOSX/x": b"-"}
    assert given(store, zipped(files)) == {"index.html": b"<p>", "a/b/ü.css": b"b{}"}


def test_what_a_browser_tells_of_a_folder_is_taken(store: Dropped) -> None:
    told = [("site/index.html", b"1"), ("site/.DS_Store", b"2"), ("site/a/c.html", b"3")]
    name = store.take((path, io.BytesIO(content)) for path, content in told)
    found = store.at(name)
    assert found
    assert sorted(listing(found)) == ["a/c.html", "index.html"]
    assert (found / "index.html").stat().st_mode & 0o111 == 0


LINK = stat.S_IFLNK | 0o777
DEVICE = stat.S_IFCHR | 0o666
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "up": (lambda: zipped({"a/../../x": b""}), "'a/../../x' leads out of the site's folder."),
    "absolute": (lambda: zipped({"/etc/x": b""}), "'/etc/x' leads out"),
    "of Windows": (lambda: zipped({"C:/x": b""}), "leads out"),
    "a backslash": (lambda: zipped({"a\\..\\x": b""}), "is a name that no page can have"),
    "a control character": (lambda: zipped({"a\nb": b""}), "is a name that no page can have"),
    "a long name": (lambda: zipped({"a/" * 300 + "b": b""}), "is a name that no page can have"),
    "git": (lambda: zipped({"s/.git/config": b"", "s/a": b""}), "'s/.git/config' is git's own"),
    "Git": (lambda: zipped({"s/.GIT/hooks/x": b""}), "is git's own"),
    "a link": (lambda: zipped({"a": b"/etc/passwd"}, LINK), "'a' is a link"),
    "a device": (lambda: zipped({"a": b""}, DEVICE), "something else that is no file"),
    "twice": (lambda: zipped({"a": b"1", "./a": b"2"}), "is there twice"),
    "a file and a folder": (lambda: zipped({"a": b"1", "a/b": b"2"}), "can't be written"),
    "nothing": (lambda: zipped({}), "There is no file in it."),
    "a folder alone": (lambda: zipped({"a/": b""}), "There is no file in it."),
    "no zip": (lambda: b"<html>", "This is no zip, or it is damaged."),
    "an empty file": (lambda: b"", "This is no zip"),
    "half a zip": (lambda: zipped({"a": b"x" * 999})[60:], "This is no zip"),
    "damaged": (lambda: zipped({"a": b"xyz"}, 0, 0).replace(b"xyz", b"xyy"), "it is damaged"),
    "another packing": (lambda: zipped({"a": b""}, 0, zipfile.ZIP_LZMA), "isn't read here"),
    "with a password": (
        lambda: zipped({"a": b"x"}).replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"),
        "has a password",
    ),
    "of huge files": (
        lambda: zipped({"a": b""})[:-22] + b"PK\6\7" + bytes(16) + zipped({"a": b""})[-22:],
        "zip64",
    ),
    "too many": (lambda: zipped({f"{n}": b"" for n in range(5001)}), "5,001 files"),
    "a list without end": (
        lambda: (
            zipped({"a": b""})[:-12] + b"\xff\xff\xff\x7f" + zipped({"a": b""})[-8:-2] + b"\0\0"
        ),
        "more than 5,000 files",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_leaves_nothing_and_says_one_sentence(store: Dropped, what: str) -> None:
    make, told = REFUSED[what]
    with pytest.raises(DroppedError) as refused:
        store.take_zip(io.BytesIO(make()))
    assert told in str(refused.value)
    assert str(refused.value).endswith(".")
    assert not store.folder.exists() or list(store.folder.iterdir()) == []
    assert not (store.folder.parent / "x").exists()


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "s/.git/config", "a\\b", ""])
def test_a_browser_is_believed_no_more_than_a_zip(store: Dropped, path: str) -> None:
    with pytest.raises(DroppedError):
        store.take([(path, io.BytesIO(b"x"))])
    assert not store.folder.exists()


def test_a_bomb_is_found_by_counting(store: Dropped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "MAX_BYTES", 1 << 20)
    assert given(store, zipped({"a": bytes(1 << 20)})).keys() == {"a"}
    bomb = zipped({str(n): bytes(1 << 19) for n in range(3)})
    assert len(bomb) < 10_000
    # It says of itself that it is small.
    liar = bomb.replace((1 << 19).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    before = listing(store.folder)
    for content in (bomb, liar):
        with pytest.raises(DroppedError):
            store.take_zip(io.BytesIO(content))
    assert listing(store.folder) == before


def test_the_last_sets_are_kept(store: Dropped) -> None:
    names = [store.take([("a", io.BytesIO(b"x"))]) for _ in range(7)]
    assert [bool(store.at(name)) for name in names] == [False, False, *[True] * 5]
    assert store.at("../../etc") is None
