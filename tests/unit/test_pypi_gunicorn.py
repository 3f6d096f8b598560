"""What stands between Gunicorn and pypiserver: uploads arrive whole, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from components import pypi_gunicorn
from components.pypi_gunicorn import whole_uploads

MIB = 2**20


def upload(body: io.BytesIO, length: int) -> tuple[str, bytes, bytes]:
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

    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
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
