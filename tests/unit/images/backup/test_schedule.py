"""When a run is due: each day at its time, after a night asleep, after a failure."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from backup import notes
from backup.notes import Notes
from backup.schedule import is_due
from hypothesis import given
from hypothesis import strategies as st

DAY, HOUR = 86400, 3600


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-03-{text}+00:00").timestamp()


BEGAN = at("01 12:00")
TIMES = st.integers(int(BEGAN), int(BEGAN) + 100 * DAY)


def due(now: str, *, done: str = "", tried: str = "", complete: bool = True) -> bool:
    known = Notes(
        began=BEGAN, done=at(done) if done else 0, tried=at(tried or done) if tried or done else 0
    )
    return is_due("03:17", at(now), known, complete=complete)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("04 03:16", False),
        ("04 03:17", True),
        ("04 09:00", True),  # the host was asleep
        ("09 03:00", True),
        ("03 23:59", False),
    ],
)
def test_each_day_has_one_run_and_a_missed_one_is_made_up_for(now: str, expected: bool) -> None:
    assert due(now, done="03 03:17") is expected


def test_a_run_that_failed_is_tried_again_an_hour_later() -> None:
    assert not due("04 04:16", done="03 03:17", tried="04 03:17")
    assert due("04 04:17", done="03 03:17", tried="04 03:17")
    assert not due("01 12:59", tried="01 12:00")
    assert due("01 13:00", tried="01 12:00")


def test_the_first_run_waits_for_the_first_update_to_end_or_for_its_time() -> None:
    assert not due("01 12:01", complete=False)
    assert due("01 12:01", complete=True)
    assert not due("02 03:16", complete=False)
    assert due("02 03:17", complete=False)


@given(TIMES, TIMES)
def test_a_clock_that_goes_back_stops_nothing_for_longer_than_a_day(now: int, done: int) -> None:
    known = Notes(began=BEGAN, done=done, tried=done)
    assert any(is_due("03:17", now + hours * HOUR, known, complete=True) for hours in range(25))


@given(TIMES, st.integers(0, 23), st.integers(0, 59))
def test_a_day_after_a_run_the_next_one_is_due_and_not_before_its_time(
    done: int, hour: int, minute: int
) -> None:
    known = Notes(began=BEGAN, done=done, tried=done)
    time = f"{hour:02}:{minute:02}"
    assert not is_due(time, done, known, complete=True)
    first = next(m for m in range(1, 1441) if is_due(time, done + m * 60, known, complete=True))
    moment = datetime.fromtimestamp(done + first * 60, UTC)
    assert (moment.hour, moment.minute) == (hour, minute)


def test_notes_are_kept_and_broken_ones_begin_anew(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    assert notes.read(file, 7) == Notes(began=7)
    notes.keep(Notes(began=1, unread=2, newest=3.5), file)
    assert notes.read(file, 9) == Notes(began=1, unread=2, newest=3.5)
    for broken in ("", "{", "[]", "null", '{"began": 1, "of_a_newer_version": 2}'):
        file.write_text(broken)
        assert notes.read(file, 8).began in (1, 8)
