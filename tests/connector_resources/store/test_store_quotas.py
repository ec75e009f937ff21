"""Rate limits: whoever takes, however many at once, no second ever sees more calls than the remote system allows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction

import pytest
from sqlalchemy import event

from connector_resources.store.store import Store

TAKE = """
from fractions import Fraction
moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
frozen = Store.open(sys.argv[1], clock=lambda: moment)
print([frozen.quotas.take("erp", capacity=10, refill_per_s=Fraction(5)) for _ in range(40)])
"""


def due(store, count, **limit):
    return [store.quotas.take("erp", **limit) for _ in range(count)]


@contextmanager
def statements_of(store: Store) -> Iterator[list[str]]:
    """What is said to the database inside the block."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(store.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.database.engine, "before_cursor_execute", note)


def most_in_any_window(moments: list[float], length_s: float) -> int:
    moments = sorted(moments)
    return max(sum(1 for m in moments if start <= m < start + length_s) for start in moments)


def test_a_full_bucket_gives_its_capacity_at_once_and_then_one_after_another(store):
    waits = due(store, 5, capacity=3, refill_per_s=Fraction(2))

    assert waits == [0, 0, 0, 0.5, 1.0]


def test_time_refills_the_bucket_but_never_beyond_its_capacity(store, clock):
    due(store, 3, capacity=3, refill_per_s=Decimal("2"))
    clock.advance(0.5)
    assert due(store, 2, capacity=3, refill_per_s=Decimal("2")) == [0, 0.5]

    clock.advance(3600)

    assert due(store, 4, capacity=3, refill_per_s=Decimal("2")) == [0, 0, 0, 0.5]


def test_a_costly_call_takes_more(store):
    assert store.quotas.take("erp", capacity=10, refill_per_s=Fraction(1), cost=8) == 0
    assert store.quotas.take("erp", capacity=10, refill_per_s=Fraction(1), cost=8) == 6


def test_a_refill_that_is_no_whole_microsecond_is_never_too_quick(store):
    third = Fraction(1000, 3600)

    assert due(store, 3, capacity=1, refill_per_s=third) == [0, 3.6, 7.2]
    assert store.quotas.take("slow", capacity=1, refill_per_s=Fraction(3)) == 0
    assert store.quotas.take("slow", capacity=1, refill_per_s=Fraction(3)) == pytest.approx(0.333334, abs=1e-9)


@pytest.mark.parametrize("wrong", [{"cost": 0}, {"cost": 11}, {"refill_per_s": Fraction(0)}])
def test_a_limit_that_can_never_be_met_is_refused(store, wrong):
    with pytest.raises(ValueError, match="bucket erp"):
        store.quotas.take("erp", **{"capacity": 10, "refill_per_s": Fraction(1), **wrong})


def test_buckets_do_not_know_each_other(store):
    assert due(store, 2, capacity=1, refill_per_s=Fraction(1)) == [0, 1]
    assert store.quotas.take("gocardless", capacity=1, refill_per_s=Fraction(1)) == 0


def test_the_servers_word_lowers_the_level_and_never_raises_it(store):
    limit = {"capacity": 10, "refill_per_s": Fraction(1)}
    assert due(store, 1, **limit) == [0]

    store.quotas.observe("erp", remaining=2, reset_in_s=30)
    assert due(store, 3, **limit) == [0, 0, 1]

    store.quotas.observe("erp", remaining=10, reset_in_s=30)
    assert due(store, 1, **limit) == [2]


def test_a_word_that_says_nothing_new_writes_and_locks_nothing(store):
    due(store, 5, capacity=10, refill_per_s=Fraction(1))
    store.quotas.observe("erp", remaining=0, reset_in_s=30)

    with statements_of(store) as seen:
        store.quotas.observe("erp", remaining=5, reset_in_s=30)
        store.quotas.observe("erp", remaining=10, reset_in_s=30)
        store.quotas.observe("erp", remaining=0, reset_in_s=20)
        store.quotas.observe("unknown", remaining=3, reset_in_s=30)

    assert 1 <= len(seen) <= 4
    assert all(statement.startswith("SELECT") and "FOR UPDATE" not in statement for statement in seen)


def test_a_word_about_what_this_process_has_taken_itself_is_not_even_looked_up(store):
    due(store, 5, capacity=10, refill_per_s=Fraction(1))

    with statements_of(store) as seen:
        store.quotas.observe("erp", remaining=5, reset_in_s=30)
        store.quotas.observe("erp", remaining=9, reset_in_s=30)

    assert seen == []


def test_a_word_is_heeded_although_another_process_has_taken_since(store, clock):
    limit = {"capacity": 10, "refill_per_s": Fraction(1)}
    due(store, 3, **limit)
    with Store.open(store.database.url.render_as_string(hide_password=False), clock=clock) as other:
        due(other, 2, **limit)

    store.quotas.observe("erp", remaining=1, reset_in_s=30)

    assert due(store, 2, **limit) == [0, 1]


def test_a_level_that_another_process_lowers_between_look_and_write_is_not_raised(store, clock):
    limit = {"capacity": 10, "refill_per_s": Fraction(1)}
    due(store, 1, **limit)

    def take_the_rest(_connection, _cursor, statement, *_):
        if statement.startswith("SELECT") and not taken:
            taken.extend(due(other, 9, **limit))

    taken: list[float] = []
    with Store.open(store.database.url.render_as_string(hide_password=False), clock=clock) as other:
        event.listen(store.database.engine, "after_cursor_execute", take_the_rest)
        try:
            store.quotas.observe("erp", remaining=5, reset_in_s=30)
        finally:
            event.remove(store.database.engine, "after_cursor_execute", take_the_rest)

    assert taken == [0] * 9
    assert due(store, 1, **limit) == [1]


def test_with_nothing_left_nobody_sends_before_the_window_ends(store, clock):
    limit = {"capacity": 10, "refill_per_s": Fraction(10)}
    due(store, 1, **limit)

    store.quotas.observe("erp", remaining=0, reset_in_s=20)

    assert due(store, 1, **limit) == [20]
    clock.advance(20)
    assert due(store, 1, **limit) == [0]


def test_a_block_holds_for_everyone_and_a_shorter_one_does_not_shorten_it(store, clock):
    limit = {"capacity": 10, "refill_per_s": Fraction(10)}
    store.quotas.block("erp", 60)
    store.quotas.block("erp", 5)

    assert due(store, 2, **limit) == [60, 60]

    clock.advance(61)
    assert due(store, 1, **limit) == [0]


def test_after_a_block_no_more_than_the_capacity_fall_due_at_once(store):
    store.quotas.block("erp", 60)

    waits = due(store, 30, capacity=10, refill_per_s=Fraction(5))

    assert waits.count(60) == 10
    assert most_in_any_window(waits, 1.0) <= 10 + 5


def test_two_processes_and_threads_never_exceed_the_limit_together(url, start_python, clock):
    processes = [start_python(TAKE, url) for _ in range(2)]
    moments: list[float] = []
    with Store.open(url, clock=clock) as store:

        def take() -> None:
            moments.extend(due(store, 20, capacity=10, refill_per_s=Fraction(5)))

        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for process in processes:
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        moments.extend(float(word) for word in output.strip("[]\n").split(","))

    assert sorted(moments) == [0.0] * 10 + [n / 5 for n in range(1, 111)]
