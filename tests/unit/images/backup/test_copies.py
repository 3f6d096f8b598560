"""What is done with the data before restic reads it."""

import os
import tarfile
from pathlib import Path

from backup.copies import copy_first, left_out, literal
from backup.plan import Source
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_800_000_000.0


def file(path: Path, *, age: float = 3600, mode: int = 0o640) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    path.chmod(mode)
    os.utime(path, (NOW - age, NOW - age))
    return path


def test_the_folder_that_comes_first_is_copied_as_it_is(tmp_path: Path) -> None:
    link = file(tmp_path / "data/registry/v2/repositories/app/_manifests/link")
    file(tmp_path / "data/registry/v2/repositories/app/_uploads/half")
    file(tmp_path / "data/registry/v2/blobs/data")
    source = Source(
        at=tmp_path / "data/registry", first="v2/repositories", without_names=("_uploads",)
    )
    (tmp_path / "copies").mkdir()
    copy_first(source, tmp_path / "copies")
    with tarfile.open(tmp_path / "copies/registry.tar") as tar:
        there = {entry.name: entry for entry in tar}
        copied = tar.extractfile("v2/repositories/app/_manifests/link")
        assert copied
        assert copied.read() == b"link"
    assert set(there) == {
        "v2/repositories",
        "v2/repositories/app",
        "v2/repositories/app/_manifests",
        "v2/repositories/app/_manifests/link",
    }
    entry, status = there["v2/repositories/app/_manifests/link"], link.stat()
    assert (entry.mode, entry.uid, entry.gid) == (0o640, status.st_uid, status.st_gid)
    assert entry.mtime == NOW - 3600
    assert list(left_out(source, NOW)) == [f"{tmp_path}/data/registry/v2/repositories"]


def test_equal_trees_give_equal_copies(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        file(tmp_path / f"registry/top/{name}/link")
    source = Source(at=tmp_path / "registry", first="top")
    copies = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        copy_first(source, tmp_path / name)
        copies.append((tmp_path / name / "registry.tar").read_bytes())
    assert copies[0] == copies[1]


def test_where_nothing_was_ever_written_nothing_is_copied(tmp_path: Path) -> None:
    copy_first(Source(at=tmp_path, first="docker/repositories"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_changes_still_is_left_out(tmp_path: Path) -> None:
    file(tmp_path / "old.whl", age=61)
    young = file(tmp_path / "young [1].whl", age=59)
    (tmp_path / "new folder").mkdir()
    assert list(left_out(Source(at=tmp_path, settled=60), NOW)) == [
        str(young).replace("[", r"\[").replace("]", r"\]")
    ]


def test_patterns_of_a_source_stand_below_it(tmp_path: Path) -> None:
    source = Source(at=tmp_path, without=("caddy/locks", "*.sock"))
    assert list(left_out(source, NOW)) == [f"{tmp_path}/caddy/locks", f"{tmp_path}/*.sock"]


WILD = set("\\*?[]")


@given(st.text(alphabet=st.characters(exclude_characters="\n\0"), min_size=1))
def test_a_path_as_a_pattern_means_itself(path: str) -> None:
    """As restic reads a line: variables first, of which two dollars are one; then the pattern."""
    line = literal(path)
    without_dollars = line.replace("$$", "\0")
    assert "$" not in without_dollars
    pattern = without_dollars.replace("\0", "$")
    read, escaped = "", False
    for character in pattern:
        if escaped or character != "\\":
            assert escaped or character not in WILD
            read, escaped = read + character, False
        else:
            escaped = True
    assert not escaped
    assert read == path
