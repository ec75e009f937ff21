"""The trail's chain: whatever is done to its rows behind the store's back is found, at the right place."""

from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text, update

from connector_resources.store.schema import TRAIL
from connector_resources.store.store import Store
from connector_resources.store.trail import GENESIS, TrailEntry, row_hash


@pytest.fixture
def written(store):
    """Ten rows of connection acme, in three appends, and one of another connection."""
    for numbers in (range(1, 4), range(4, 5), range(5, 11)):
        store.trail.append("acme", [TrailEntry("note", f"PM{n}", {"n": n, "text": "für 5 €"}) for n in numbers])
    store.trail.append("other", [TrailEntry("note", "PM1", {})])
    return store


def tamper(store: Store, *statements: str, **values: object) -> None:
    with store.begin() as transaction:
        for statement in statements:
            transaction.execute(text(statement), values)


def test_an_untouched_trail_verifies(written):
    seq, head = written.trail.head("acme")

    report = written.trail.verify("acme")

    assert (report.ok, report.rows, report.head, report.first_bad_seq) == (True, 10, head, None)
    assert seq == 10


def test_a_connection_without_a_trail_verifies_with_no_rows(store):
    report = store.trail.verify("nobody")

    assert (report.ok, report.rows, report.head) == (True, 0, GENESIS)
    assert store.trail.head("nobody") == (0, GENESIS)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload", '{"n":6,"text":"fuer 5 €"}'),
        ("subject", "PM66"),
        ("kind", "noted"),
        ("at", "2026-03-02T09:30:00.000001Z"),
        ("hash", "0" * 64),
    ],
)
def test_an_edited_row_is_found(written, column, value):
    with written.begin() as transaction:
        transaction.execute(update(TRAIL).where(TRAIL.c.connection == "acme", TRAIL.c.seq == 6).values({column: value}))

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq, report.rows) == (False, 6, 5)
    assert "edited" in report.problem
    assert written.trail.verify("other").ok


def test_an_edited_row_with_its_own_hash_made_to_fit_is_found_at_the_row_after_it(written):
    row = written.trail.about("acme", ["PM6"])[0]
    forged = row_hash("acme", 6, "2026-03-02T09:30:00.000000Z", "note", "PM6", "{}", row.previous_hash)
    tamper(
        written,
        "UPDATE trail SET payload = '{}', hash = :hash WHERE connection = 'acme' AND seq = 6",
        hash=forged,
    )

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 7)


def test_a_removed_row_is_found(written):
    tamper(written, "DELETE FROM trail WHERE connection = 'acme' AND seq = 4")

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq, report.problem) == (False, 4, "row 4 is missing; the next one is 5")


def test_a_removed_row_is_found_when_the_rest_was_renumbered(written):
    tamper(written, "DELETE FROM trail WHERE connection = 'acme' AND seq = 4")
    for seq in range(5, 11):
        tamper(written, "UPDATE trail SET seq = :seq - 1 WHERE connection = 'acme' AND seq = :seq", seq=seq)

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 4)


def test_an_inserted_row_is_found(written):
    for seq in range(10, 4, -1):
        tamper(written, "UPDATE trail SET seq = :seq + 1 WHERE connection = 'acme' AND seq = :seq", seq=seq)
    tamper(
        written,
        "INSERT INTO trail SELECT connection, 5, at, kind, subject, payload, previous_hash, hash FROM trail"
        " WHERE connection = 'acme' AND seq = 4",
    )

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 5)


def test_two_rows_that_changed_places_are_found(written):
    for old, new in ((3, 99), (8, 3), (99, 8)):
        tamper(written, "UPDATE trail SET seq = :new WHERE connection = 'acme' AND seq = :old", old=old, new=new)

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 3)


def test_a_cut_tail_is_found_by_the_head_that_is_kept_apart(written):
    tamper(written, "DELETE FROM trail WHERE connection = 'acme' AND seq > 7")

    report = written.trail.verify("acme")

    assert (report.ok, report.rows, report.first_bad_seq) == (False, 7, 8)
    assert "10 rows were written, 7 are left" in report.problem


def test_a_trail_that_was_emptied_is_found(written):
    tamper(written, "DELETE FROM trail WHERE connection = 'acme'")

    assert written.trail.verify("acme").first_bad_seq == 1


@pytest.mark.parametrize("form", ["{hash}", "{seq}:{hash}"])
def test_a_tail_cut_together_with_the_head_is_found_by_an_anchored_head(written, form):
    seq, digest = written.trail.head("acme")
    row = written.trail.about("acme", ["PM7"])[0]
    tamper(
        written,
        "DELETE FROM trail WHERE connection = 'acme' AND seq > 7",
        "UPDATE trail_heads SET seq = 7, hash = :hash WHERE connection = 'acme'",
        hash=row.hash,
    )

    assert written.trail.verify("acme").ok
    report = written.trail.verify("acme", anchored_head=form.format(seq=seq, hash=digest))

    assert (report.ok, report.first_bad_seq) == (False, 8)
    assert "anchored head" in report.problem


def test_an_anchored_head_that_has_been_continued_is_fine(written):
    _, digest = written.trail.head("acme")
    written.trail.append("acme", [TrailEntry("note", "PM11", {})])

    assert written.trail.verify("acme", anchored_head=digest).ok


def test_rows_added_past_the_head_are_found(written):
    row = written.trail.about("acme", ["PM10"])[0]
    at = "2026-03-02T09:30:00.000000Z"
    forged = row_hash("acme", 11, at, "note", "PM11", "{}", row.hash)
    tamper(
        written,
        "INSERT INTO trail VALUES ('acme', 11, :at, 'note', 'PM11', '{}', :previous, :hash)",
        at=at,
        previous=row.hash,
        hash=forged,
    )

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 11)


def test_a_rewritten_last_row_is_found_by_the_head(written):
    row = written.trail.about("acme", ["PM10"])[0]
    forged = row_hash("acme", 10, "2026-03-02T09:30:00.000000Z", "note", "PM10", "{}", row.previous_hash)
    tamper(
        written,
        "UPDATE trail SET payload = '{}', hash = :hash WHERE connection = 'acme' AND seq = 10",
        hash=forged,
    )

    report = written.trail.verify("acme")

    assert (report.ok, report.first_bad_seq) == (False, 10)


def test_moving_text_from_one_field_into_the_next_changes_the_hash():
    assert row_hash("acme", 1, "t", "ab", "c", "{}", GENESIS) != row_hash("acme", 1, "t", "a", "bc", "{}", GENESIS)
    assert row_hash("acme1", 2, "t", "k", "s", "{}", GENESIS) != row_hash("acme", 12, "t", "k", "s", "{}", GENESIS)


def test_the_hash_is_the_documented_one():
    """Fixed for ever: a change of the encoding would make every trail in the world look broken."""
    assert (
        row_hash("acme", 1, "2026-03-02T09:30:00.000000Z", "note", "PM1", '{"n":1}', GENESIS)
        == "0cf1628821ec9c024475c53b51dc2f5f7e4b362be5c7d8db1f1d06b5ea7fdac1"
    )


def test_what_is_about_a_subject_comes_in_order_and_as_it_was(written, make):
    rows = written.trail.about(None, ["PM1", "PM3"])

    assert [(row.connection, row.seq) for row in rows] == [("acme", 1), ("acme", 3), ("other", 1)]
    assert rows[0].payload == {"n": 1, "text": "für 5 €"}
    assert rows[0].at == make.start
    assert [row.connection for row in written.trail.about("other", ["PM1"])] == ["other"]


def test_the_export_can_be_proven_without_the_database(written):
    file = io.StringIO()

    assert written.trail.export("acme", file) == 10

    previous = GENESIS
    for line in file.getvalue().splitlines():
        row = json.loads(line)
        assert row["previous_hash"] == previous
        fields = [row[name] for name in ("connection", "seq", "at", "kind", "subject", "payload", "previous_hash")]
        assert row_hash(*fields) == row["hash"]
        previous = row["hash"]
    assert previous == written.trail.head("acme")[1]


def test_appenders_in_four_threads_and_two_processes_make_one_unbroken_chain(url, start_python):
    lines = """
from connector_resources.store.trail import TrailEntry
for n in range(15):
    store.trail.append("acme", [TrailEntry("note", sys.argv[2], {"n": n})] * 3)
"""
    processes = [start_python(lines, url, f"process-{n}") for n in range(2)]
    with Store.open(url, clock=lambda: datetime.now(UTC)) as shared:

        def append(name: str) -> None:
            for n in range(15):
                shared.trail.append("acme", [TrailEntry("note", name, {"n": n})] * 3)

        threads = [threading.Thread(target=append, args=[f"thread-{n}"]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for process in processes:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors

        report = shared.trail.verify("acme")
        assert (report.ok, report.rows) == (True, 6 * 15 * 3)
        for name in ("thread-0", "process-1"):
            assert [row.payload["n"] for row in shared.trail.about("acme", [name])] == [n // 3 for n in range(45)]


def anchored_at(store, seq):
    return f"{seq}:{next(row.hash for row in store.trail.about('acme', [f'PM{seq}']) if row.seq == seq)}"


def test_what_follows_a_verified_row_is_verified_alone(written):
    noted = anchored_at(written, 6)
    written.trail.append("acme", [TrailEntry("note", "PM11", {})])

    report = written.trail.verify("acme", anchored_head=noted, only_after_anchor=True)

    assert (report.ok, report.rows, report.head) == (True, 11, written.trail.head("acme")[1])


def test_a_verified_head_without_anything_after_it_is_fine(written):
    seq, digest = written.trail.head("acme")
    assert written.trail.verify("acme", anchored_head=f"{seq}:{digest}", only_after_anchor=True).ok


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        ("UPDATE trail SET subject = 'PM9' WHERE connection = 'acme' AND seq = 8", 8),
        ("UPDATE trail SET subject = 'PM9' WHERE connection = 'acme' AND seq = 6", 6),
        ("DELETE FROM trail WHERE connection = 'acme' AND seq = 6", 6),
        ("DELETE FROM trail WHERE connection = 'acme' AND seq = 9", 9),
        ("DELETE FROM trail WHERE connection = 'acme' AND seq >= 6", 6),
    ],
)
def test_tampering_at_or_after_the_verified_row_is_found_without_reading_the_rest(written, change, first_bad):
    noted = anchored_at(written, 6)
    tamper(written, change)

    report = written.trail.verify("acme", anchored_head=noted, only_after_anchor=True)

    assert (report.ok, report.first_bad_seq) == (False, first_bad)


def test_tampering_before_the_verified_row_needs_the_whole_chain(written):
    noted = anchored_at(written, 6)
    tamper(written, "UPDATE trail SET subject = 'PM9' WHERE connection = 'acme' AND seq = 2")

    assert written.trail.verify("acme", anchored_head=noted, only_after_anchor=True).ok
    assert written.trail.verify("acme", anchored_head=noted).first_bad_seq == 2
