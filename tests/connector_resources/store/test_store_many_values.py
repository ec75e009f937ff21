"""Thousands of keys in one parameter, and thousands of rows in one statement, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from connector_resources.erp.contract import Complete
from connector_resources.store.among import among
from connector_resources.store.rows import insert_rows
from connector_resources.store.schema import TRAIL

ODD = ["", "'", '"', "\\", "%s", "{}", "a,b", "ü€𝄞", "\t\n", "null", "]}"]


def kept(store: Any, texts: list[str]) -> list[dict[str, Any]]:
    rows = [
        {"connection": "acme", "seq": number, "at": "2026", "kind": text, "subject": text, "payload": text,
         "previous_hash": "a", "hash": "b"}
        for number, text in enumerate(texts, start=1)
    ]  # fmt: skip
    with store.begin() as transaction:
        insert_rows(transaction, TRAIL, rows)
    return rows


def found(store: Any, column: Any, values: Any) -> list[int]:
    with store.database.read() as reading:
        wanted = select(TRAIL.c.seq).where(among(column, "values")).order_by(TRAIL.c.seq)
        return list(reading.scalars(wanted, {"values": values}))


def test_rows_are_inserted_as_they_are(store):
    rows = kept(store, ODD)
    with store.database.read() as reading:
        read = [dict(row._mapping) for row in reading.execute(select(TRAIL).order_by(TRAIL.c.seq))]
    assert read == rows


def test_rows_without_any_are_no_statement(store):
    kept(store, [])
    assert found(store, TRAIL.c.kind, ODD) == []


def test_texts_and_numbers_are_found_among_many(store):
    kept(store, ODD)
    for number, text in enumerate(ODD, start=1):
        assert found(store, TRAIL.c.subject, [text]) == [number]
    assert found(store, TRAIL.c.subject, set(ODD)) == list(range(1, len(ODD) + 1))
    assert found(store, TRAIL.c.seq, [3, 7, 99]) == [3, 7]
    assert found(store, TRAIL.c.seq, []) == []


def test_more_values_are_looked_for_than_a_statement_takes_parameters(store):
    kept(store, ODD)
    assert found(store, TRAIL.c.seq, range(2, 70_000)) == list(range(2, len(ODD) + 1))


@pytest.mark.parametrize(
    ("asked", "plan"),
    [
        ("postings", "SEARCH postings USING INDEX ix_postings_subject"),
        ("story", "SEARCH inbox_events USING INDEX ix_inbox_events_subject (connection=? AND subject=?)"),
        ("settlement", "SEARCH submissions USING INTEGER PRIMARY KEY (rowid=?)"),
        ("completion", "key=?"),
    ],
)
def test_few_of_many_rows_are_found_by_their_keys(store, books, make, asked, plan):
    """And never by going through all rows of a connection, which SQLite is inclined to."""
    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL chooses by its statistics")
    submission = books.submission_in("claimed")
    plans: list[str] = []

    def explain(connection, _cursor, statement, parameters, _context, many):
        if "json_each" in statement and not many:
            driver = connection.connection.driver_connection
            found = driver.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall()
            plans.append(" | ".join(row[3] for row in found))

    event.listen(store.database.engine, "before_cursor_execute", explain)
    match asked:
        case "postings":
            store.ledger.of_subjects("acme", ["PM1"])
        case "story":
            store.inbox.story("acme", ["PM1"])
        case "settlement":
            books.settle(submission, "posted")
        case "completion":
            books.settle(submission, "posted")
            store.ledger.complete("acme", [Complete("EV1:receipt")], settled_state="posted")
    assert any(plan in each for each in plans), plans
    assert not [each for each in plans if "(connection=?)" in each]
