"""Any change to the trail is found at its place; one with hashes that fit again is found by what was noted elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from connector_resources.clock import utc_now
from connector_resources.store.schema import TRAIL, TRAIL_HEADS
from connector_resources.store.store import Store
from connector_resources.store.trail import GENESIS, Anchor, TrailEntry, row_hash

ROWS = 9
KINDS = ("edit", "remove", "insert", "swap", "cut", "renumbered_removal")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Book:
    """A store whose trail is put back before each try, and its rows as they were written."""

    store: Store
    rows: tuple[Row, ...]

    def become(self, rows: list[Row], head: tuple[int, str]) -> None:
        with self.store.begin() as transaction:
            transaction.execute(delete(TRAIL).where(TRAIL.c.connection == "acme"))
            if rows:
                transaction.execute(insert(TRAIL), rows)
            seq, digest = head
            transaction.execute(
                update(TRAIL_HEADS).where(TRAIL_HEADS.c.connection == "acme").values(seq=seq, hash=digest)
            )

    @property
    def head(self) -> tuple[int, str]:
        return (self.rows[-1]["seq"], self.rows[-1]["hash"])

    def anchors(self, numbers: set[int]) -> list[Anchor]:
        return [Anchor(n, self.rows[n - 1]["hash"], f"run {n}") for n in sorted(numbers)]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    url = f"sqlite:///{tmp_path_factory.mktemp('trail') / 'store.sqlite'}"
    with Store.open(url, clock=utc_now) as store:
        store.migrate()
        for number in range(1, ROWS + 1):
            store.trail.append("acme", [TrailEntry("note", f"PM{number}", {"n": number})])
        with store.begin() as transaction:
            rows = transaction.execute(select(TRAIL).where(TRAIL.c.connection == "acme").order_by(TRAIL.c.seq))
            kept = tuple(dict(row._mapping) for row in rows)
        yield Book(store, kept)


def tampered(rows: tuple[Row, ...], kind: str, at: int, other: int, column: str) -> tuple[list[Row], int]:
    """The rows after the change, and the number of the first one that is not what it was."""
    changed = [dict(row) for row in rows]
    match kind:
        case "edit":
            changed[at - 1][column] = changed[at - 1][column] + "x"
            return changed, at
        case "remove":
            return [row for row in changed if row["seq"] != at], at
        case "renumbered_removal":
            del changed[at - 1]
        case "insert":
            changed.insert(at - 1, {**changed[at - 1], "subject": "PM_new"})
        case "swap":
            changed[at - 1], changed[other - 1] = changed[other - 1], changed[at - 1]
            at = min(at, other)
        case "cut":
            changed = changed[: at - 1]
    for number, row in enumerate(changed, start=1):
        row["seq"] = number
    return changed, at


def made_to_fit(rows: list[Row]) -> list[Row]:
    """All numbers and hashes computed anew, as somebody would who knows how."""
    previous, fitting = GENESIS, []
    for number, row in enumerate(rows, start=1):
        digest = row_hash("acme", number, row["at"], row["kind"], row["subject"], row["payload"], previous)
        fitting.append({**row, "seq": number, "previous_hash": previous, "hash": digest})
        previous = digest
    return fitting


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, int, int, str]:
    at = draw(st.integers(1, ROWS))
    other = draw(st.integers(1, ROWS).filter(lambda n: n != at))
    return draw(st.sampled_from(KINDS)), at, other, draw(st.sampled_from(["payload", "subject", "kind", "at"]))


@given(changes())
@settings(max_examples=120, deadline=None)
def test_any_change_is_found_at_its_place(book: Book, change: tuple[str, int, int, str]) -> None:
    rows, first = tampered(book.rows, *change)
    book.become(rows, book.head)

    report = book.store.trail.verify("acme")

    assert not report.ok
    assert report.first_bad_seq is not None
    assert first <= report.first_bad_seq <= first + 1, report
    assert str(report.first_bad_seq) in report.problem or "tail" in report.problem or "last row" in report.problem


@given(changes(), st.sets(st.integers(1, ROWS), max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_chain_that_was_made_to_fit_again_is_found_by_every_head_noted_after_the_change(
    book: Book, change: tuple[str, int, int, str], noted: set[int]
) -> None:
    """Exactly then: what was noted before the change is still true, and says nothing about what came after."""
    rows, first = tampered(book.rows, *change)
    rows = made_to_fit(rows)
    head = (rows[-1]["seq"], rows[-1]["hash"]) if rows else (0, GENESIS)
    book.become(rows, head)

    report = book.store.trail.verify("acme", anchors=book.anchors(noted))

    telling = sorted(n for n in noted if n >= first)
    assert report.ok == (not telling)
    if telling:
        assert report.first_bad_seq is not None
        assert report.first_bad_seq in (telling[0], len(rows) + 1)
        assert f"run {telling[0]}" in report.problem
    assert book.store.trail.verify("acme").ok, "by itself the rewritten chain looks whole"


def test_the_untouched_chain_holds_every_head(book: Book) -> None:
    book.become([dict(row) for row in book.rows], book.head)
    everything = set(range(1, ROWS + 1))
    assert book.store.trail.verify("acme", anchors=book.anchors(everything)).ok


def test_two_different_heads_noted_for_one_row_cannot_both_be_true(book: Book) -> None:
    book.become([dict(row) for row in book.rows], book.head)
    forged = Anchor(4, "0" * 64, "run forged")
    report = book.store.trail.verify("acme", anchors=[*book.anchors({4}), forged])
    assert (report.ok, report.first_bad_seq) == (False, 4)
    assert "run forged" in report.problem
