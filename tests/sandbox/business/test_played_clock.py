"""The clock of a played month: it goes on, it jumps ahead, it never goes back, and its file says the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.business.played_clock import PlayedClock

START = datetime(2026, 5, 26, 8, tzinfo=UTC)
SOON = timedelta(seconds=20)


def told(file: Path) -> datetime:
    """The time of somebody who only knows the file."""
    return datetime.now(UTC) + timedelta(seconds=int(file.read_text(encoding="ascii")))


def test_it_begins_where_it_is_told_to_and_goes_on_by_itself() -> None:
    clock = PlayedClock(START)

    first = clock.now()
    assert START <= first < START + SOON
    assert clock.now() > first


@pytest.mark.parametrize("start", [START, datetime(2099, 1, 1, tzinfo=UTC)], ids=["past", "future"])
def test_the_file_tells_the_same_time_before_and_after_a_jump(tmp_path: Path, start: datetime) -> None:
    file = tmp_path / "clock"
    clock = PlayedClock(start, file)
    assert start <= told(file) < start + SOON

    clock.set(start + timedelta(days=9))

    assert start + timedelta(days=9) <= clock.now() < start + timedelta(days=9) + SOON
    assert abs(told(file) - clock.now()) < timedelta(seconds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


def test_it_does_not_go_back() -> None:
    clock = PlayedClock(START)
    clock.advance(timedelta(days=2))

    with pytest.raises(ValueError, match="does not go back"):
        clock.set(START + timedelta(days=1))
    assert clock.now() >= START + timedelta(days=2)
