"""Which version is newer: one of the same form."""

import pytest

from commands.outdated import newest


@pytest.mark.parametrize(
    ("now", "tags", "then"),
    [
        ("2.11.7", ["2.9.9", "2.11.10", "2.11.8", "latest", "2", "2.12.0-beta.1"], "2.11.10"),
        ("8.4.28-fpm-alpine", ["8.5.0-fpm-alpine", "8.5.1-fpm", "8.5.1"], "8.5.0-fpm-alpine"),
        ("v3.1.2", ["v3.1.10", "3.2.0"], "v3.1.10"),
        ("2.11.7", [], "2.11.7"),
        ("2.11.7", ["2.11.6"], "2.11.7"),
    ],
)
def test_the_newest_of_the_same_form(now: str, tags: list[str], then: str) -> None:
    assert newest(now, tags) == then
