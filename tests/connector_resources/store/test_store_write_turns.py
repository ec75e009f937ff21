"""Who writes when, and what a power cut may take: turns of the threads of one process, and commits that reach the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import pytest
from sqlalchemy import Connection, Engine, event, select, text

from connector_resources.clock import utc_now
from connector_resources.errors import StoreError
from connector_resources.store import engine
from connector_resources.store.engine import Database
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import MARKS
from connector_resources.store.store import Store
from tests.fresh_stores import _without_waiting


def word_on_durability(database: Database, *, durable: bool) -> str:
    with database.write(durable=durable) as transaction:
        if database.is_sqlite:
            return {1: "passing", 2: "kept"}[transaction.scalar(text("PRAGMA synchronous"))]
        return {"off": "passing", "on": "kept"}.get(transaction.scalar(text("SHOW synchronous_commit")), "kept")


@pytest.fixture
def store_of_its_own(empty_url: str) -> Iterator[Store]:
    """As the product opens it, while no SQLite of the tests is told not to wait for the disk."""
    event.remove(Engine, "engine_connect", _without_waiting)
    try:
        with Store.open(empty_url, clock=utc_now) as store:
            store.migrate()
            yield store
    finally:
        event.listen(Engine, "engine_connect", _without_waiting)


def test_what_is_worthless_after_a_power_cut_is_not_synced_and_everything_else_is(store_of_its_own: Store) -> None:
    database = store_of_its_own.database
    told = [word_on_durability(database, durable=durable) for durable in (False, False, True, False, True)]

    assert [each == "passing" for each in told[:2] + told[3:4]] == [True] * 3
    if database.is_sqlite:
        assert told == ["passing", "passing", "kept", "passing", "kept"]


def test_a_place_in_a_quota_is_not_synced(store_of_its_own: Store) -> None:
    database = store_of_its_own.database
    said: list[str] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)
        if database.is_sqlite:
            said.extend(f"{level}" for level in connection.connection.cursor().execute("PRAGMA synchronous").fetchone())

    event.listen(database.engine, "before_cursor_execute", note)
    assert store_of_its_own.quotas.take("gocardless:acme", capacity=10, refill_per_s=Fraction(1)) == 0

    assert "2" not in said
    assert ("1" if database.is_sqlite else "SET LOCAL synchronous_commit TO OFF") in said


def test_threads_that_write_at_once_take_turns_and_lose_nothing(store: Store) -> None:
    ready = threading.Barrier(4)

    def write(number: int) -> None:
        ready.wait()
        for each in range(10):
            with store.database.write() as transaction:
                row = {
                    "connection": "acme",
                    "name": f"{number}/{each}",
                    "value": "{}",
                    "updated_at": store.database.now(),
                }
                put_rows(transaction, MARKS, [row])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.database.read() as reading:
        assert len(reading.execute(select(MARKS)).all()) == 40


def test_a_thread_that_never_gets_its_turn_says_so_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL locks rows, not turns")
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    with store.database.write(), pytest.raises(StoreError, match="another thread of this process is writing"):
        store.quotas.take("gocardless:acme", capacity=10, refill_per_s=Fraction(1))
    assert store.quotas.blocked_for("gocardless:acme") == 0
    assert store.quotas.take("gocardless:acme", capacity=10, refill_per_s=Fraction(1)) == 0
