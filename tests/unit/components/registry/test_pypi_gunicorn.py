"""What stands between Gunicorn and pypiserver: uploads arrive whole, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.registry import pypi_gunicorn
from components.registry.pypi_gunicorn import (
    fair,
    find_version,
    named,
    or_guessed,
    post_request,
    pre_request,
    refusing,
    store_whole,
    watch,
    whole_uploads,
)

MIB = 2**20


def upload(body: io.BytesIO, length: int, **more: str) -> tuple[str, bytes, bytes]:
    """The status and the text of an answer, and what pypiserver got to read."""
    got, status = b"", ""

    def pypiserver(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        nonlocal got
        while piece := environ["wsgi.input"].read(MIB):
            got += piece
        start("200 OK", [])
        return [b""]

    def start(line: str, _headers: object) -> None:
        nonlocal status
        status = line

    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(length)} | more
    text = b"".join(whole_uploads(pypiserver)(environ, start))
    return status, text, got


def test_a_whole_upload_is_passed_on() -> None:
    content = bytes(3 * MIB + 1)
    assert upload(io.BytesIO(content), len(content)) == ("200 OK", b"", content)


def test_a_request_without_a_body_is_passed_on() -> None:
    assert upload(io.BytesIO(), 0) == ("200 OK", b"", b"")


def test_one_that_breaks_off_ends_in_an_error() -> None:
    with pytest.raises(OSError, match="broken off"):
        upload(io.BytesIO(bytes(MIB)), MIB + 1)


def test_one_that_is_too_large_is_heard_out_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi_gunicorn, "_LIMIT_MIB", 2)
    content = bytes(3 * MIB)
    status, text, got = upload(body := io.BytesIO(content), len(content))
    assert status.startswith("413 ")
    assert b"2 MiB" in text
    assert got == b""
    assert body.read() == b"", "who isn't heard out doesn't listen to the answer"


def test_one_without_a_length_is_refused() -> None:
    status, text, got = upload(body := io.BytesIO(bytes(MIB)), 0, HTTP_TRANSFER_ENCODING="chunked")
    assert status.startswith("411 ")
    assert b"Content-Length" in text
    assert got == body.read() == b""


def test_a_thread_holds_little_of_an_upload_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 <= size <= 2**14
            return super().read(size)

    content = bytes(3 * MIB)
    assert upload(Stream(content), len(content)) == ("200 OK", b"", content)
    monkeypatch.setattr(pypi_gunicorn, "_LIMIT_MIB", 2)
    assert upload(Stream(content), len(content))[0].startswith("413 ")


def test_a_version_is_found_by_any_spelling_of_its_name_and_of_itself() -> None:
    first, second, odd = (SimpleNamespace(version=text) for text in ("1.0.1+abc", "2.0", "odd-1"))
    packages = {"My-Pkg": [first, second, odd]}  # pypiserver's own search knows the spellings
    backend = SimpleNamespace(find_project_packages=packages.__getitem__)
    for version in ("1.0.1+abc", "v1.0.1+ABC", "1.0.1.0+abc", "1.00.1+Abc"):
        assert find_version(backend, "My-Pkg", version) == [first]
    assert find_version(backend, "My-Pkg", "v2") == [second]
    assert find_version(backend, "My-Pkg", "odd-1") == [odd]
    assert find_version(backend, "My-Pkg", "3.0") == []
    assert find_version(backend, "My-Pkg", "1.0.1") == []


PACKAGES = {
    "My.Pkg-1.0-py3-none-any.whl": ("my-pkg", "1.0"),
    "my_pkg-1.0-2-py3-none-any.whl": ("my-pkg", "1.0"),
    "my_pkg-1.0-1_ci-cp311-cp311-manylinux_2_17_x86_64.whl": ("my-pkg", "1.0"),
    "my_pkg-1.0+ABC.1.tar.gz": ("my-pkg", "1.0+abc.1"),
    "my-pkg-v1.0.1.tar.gz": ("my-pkg", "1.0.1"),
    "a-1b-1.0.zip": ("a-1b", "1.0"),
    "my_pkg-1.0.tar.gz.asc": ("my-pkg", "1.0"),
}
NO_PACKAGES = (
    "-1.0.tar.gz",
    ".x-1.0.tar.gz",
    "x.-1.0.tar.gz",
    "noversion.tar.gz",
    "x-.tar.gz",
    "x-one.tar.gz",
    "x-1.0.exe",
    "x-1.0.whl",
    "-1.0-py3-none-any.whl",
    "x.tar.gz.asc.asc",
    "",
)


def test_a_files_name_says_its_package_and_its_version() -> None:
    assert {file: named(file) for file in PACKAGES} == PACKAGES
    assert {file: named(file) for file in NO_PACKAGES} == dict.fromkeys(NO_PACKAGES)
    known = or_guessed(lambda path: (path, "guessed"))
    assert known("/state/my_pkg-1.0-2-py3-none-any.whl") == ("my-pkg", "1.0")
    assert known("/state/x.egg") == ("/state/x.egg", "guessed")


@pytest.mark.parametrize("file", [*NO_PACKAGES, "x-1.0.tar.gz.asc", f"{'x' * 290}-1.0.tar.gz"])
def test_what_could_not_be_deleted_again_is_refused(file: str) -> None:
    request = SimpleNamespace(files={"content": SimpleNamespace(raw_filename=file)})
    done: list[str] = []
    upload = refusing(lambda: done.append("upload"), request, ValueError)
    with pytest.raises(ValueError, match="wheel or a source distribution") as refused:
        upload()
    assert refused.value.args[0] == 400
    request.files["content"].raw_filename = f"{'x' * 239}-1.tar.gz"
    upload()
    request.files = {}  # which pypiserver refuses
    upload()
    assert done == ["upload", "upload"]


def test_the_cache_is_watched_by_a_thread_of_this_process_and_begins_empty() -> None:
    done: list[str] = []
    observer = SimpleNamespace(start=lambda: done.append("start"))
    cache = SimpleNamespace(
        observer=None, watched={"/state"}, listdir_cache={"/state": []}, digest_cache={"sha256": {}}
    )
    watch(cache, observer)
    assert done == ["start"]
    assert cache.observer is observer
    for remembered in (cache.watched, cache.listdir_cache, cache.digest_cache):
        assert not remembered


def test_a_file_is_stored_whole_and_never_over_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    store_whole(io.BytesIO(b"first"), file)
    assert file.stat().st_mode & 0o777 == 0o644
    with pytest.raises(FileExistsError):
        store_whole(io.BytesIO(b"second"), file)
    assert file.read_bytes() == b"first"


def test_of_a_file_that_can_not_be_written_whole_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError("No space left on device")
            return super().read(2)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No space left"):
        store_whole(Full(b"whole"), tmp_path / "a.whl")
    assert list(tmp_path.iterdir()) == []


class Request:
    """What Gunicorn hands over of one."""

    def __init__(self, user: str) -> None:
        self.headers = [("X-AUTHENTICATED-USER", user)] if user else []
        self.closed = False

    def force_close(self) -> None:
        self.closed = True

    def answered(self) -> str:
        """The status with which it is answered, while it is under way."""
        statuses: list[str] = []

        def app(_environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
            start("200 OK", [])
            return []

        pre_request(None, self)
        fair(app)({}, lambda status, _headers: statuses.append(status))
        return statuses[0]


def test_one_user_leaves_threads_for_the_others() -> None:
    slow = [Request("ada") for _ in range(64)]
    assert {request.answered() for request in slow} == {"200 OK"}
    more = Request("ada")
    assert more.answered() == "503 Service Unavailable"
    assert more.closed, "its body is not waited for"
    post_request(None, more, {}, None)
    other, nobody = Request("bob"), [Request("") for _ in range(70)]
    assert other.answered() == "200 OK"
    assert {request.answered() for request in nobody} == {"200 OK"}, "the health check is no user"
    for request in nobody:
        pypi_gunicorn._this.user = ""
        post_request(None, request, {}, None)
    pypi_gunicorn._this.user = "bob"
    post_request(None, other, {}, None)
    pypi_gunicorn._this.user = "ada"
    post_request(None, slow.pop(), {}, None)
    assert Request("ada").answered() == "200 OK"
    for _ in range(64):
        post_request(None, None, {}, None)
    assert not pypi_gunicorn._under_way
