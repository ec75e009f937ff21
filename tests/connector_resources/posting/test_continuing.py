"""When work that had to stop goes on: after the wait that is known, a few times, and never twice for one trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.posting.continuing import ASK_AGAIN, LONGEST_WAIT, WAITS, Continuation, Continuations
from connector_resources.store.store import Store

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Continuations]:
    with Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", clock=lambda: NOON) as store:
        store.migrate()
        yield Continuations(store.marks, "polder")


def stop(waiting: Continuations, run: str, now: datetime, **told: Any) -> Continuation:
    return waiting.stopped("documents", run=run, now=now, **{"reason": "quota", "retry_after_s": 0, **told})


def test_work_that_stopped_is_due_after_a_while_and_no_more_when_it_ended(waiting: Continuations) -> None:
    noted = stop(waiting, "one", NOON)
    assert noted.after == NOON + WAITS[0]
    assert waiting.due(NOON + WAITS[0] - timedelta(seconds=1)) == []
    assert waiting.due(NOON + WAITS[0]) == [noted]
    waiting.ended("documents")
    assert waiting.due(NOON + LONGEST_WAIT) == []


@pytest.mark.parametrize(
    ("told_s", "wait"),
    [(30, WAITS[0]), (3_600, timedelta(hours=1)), (10**7, LONGEST_WAIT)],
    ids=["sooner than we ask", "what the server says", "bounded"],
)
def test_the_wait_that_the_remote_system_names_counts(waiting: Continuations, told_s: int, wait: timedelta) -> None:
    assert stop(waiting, "one", NOON, retry_after_s=told_s).after == NOON + wait


def test_each_run_that_stops_again_waits_longer_until_none_is_started_any_more(waiting: Continuations) -> None:
    now = NOON
    for number, wait in enumerate(WAITS):
        noted = stop(waiting, f"run {number}", now)
        assert noted.after == now + wait
        now = noted.after
    assert stop(waiting, "the last", now).after is None
    assert waiting.due(now + timedelta(days=30)) == []
    assert stop(waiting, "started for other news", now + timedelta(days=1)).after is None
    waiting.ended("documents")
    assert stop(waiting, "after a good one", now).after == now + WAITS[0]


def test_runs_for_other_news_and_steps_that_are_repeated_do_not_count(waiting: Continuations) -> None:
    first = stop(waiting, "one", NOON)
    assert stop(waiting, "one", NOON + WAITS[0]).stops == first.stops
    assert stop(waiting, "for a webhook", NOON + timedelta(minutes=1)).stops == first.stops
    later = stop(waiting, "for another", NOON + timedelta(minutes=2), retry_after_s=7_200)
    assert (later.stops, later.after) == (1, NOON + timedelta(minutes=122))


def test_a_run_that_never_comes_as_far_is_asked_for_again_ever_more_slowly(waiting: Continuations) -> None:
    stop(waiting, "one", NOON)
    now = NOON + WAITS[0]
    for number in range(4):
        (item,) = waiting.due(now)
        waiting.asked(item, now)
        assert waiting.due(now) == []
        now += ASK_AGAIN * 2**number
        assert len(waiting.due(now)) == 1


def test_steps_wait_each_for_themselves(waiting: Continuations) -> None:
    stop(waiting, "one", NOON)
    waiting.stopped("collections", reason="quota", retry_after_s=0, run="one", now=NOON)
    waiting.ended("documents")
    assert [each.step for each in waiting.due(NOON + WAITS[0])] == ["collections"]
