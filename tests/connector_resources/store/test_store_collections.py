"""Open invoices and collections on both databases: complete snapshots, and one collection at a time for an invoice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError

from bookkeeping.collecting import Order, Part
from bookkeeping.collection_rules import CollectionOrder, plan_collection
from bookkeeping.eligibility import AttemptState
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from bookkeeping.settings import BookSettings
from connector_resources.erp.contract import OpenInvoice
from connector_resources.store.collections import CollectionRow
from connector_resources.store.store import Store

ACME = BookSettings(connection="acme", time_zone=ZoneInfo("Europe/London"), cut_over=date(2024, 1, 1))
MANDATE = Mandate("MD1", datetime(2026, 1, 1, tzinfo=UTC), "active", "sepa_core", customer_id="CU1")


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def invoice(number: str, minor: int = 10_000, **fields: Any) -> OpenInvoice:
    return OpenInvoice(number, "10001", eur(minor), eur(10_000), due_on=date(2026, 3, 2), references=("Q1",), **fields)


def add(store: Store, *roots: str, attempt: int = 1, reference: str = "") -> CollectionRow:
    parts = tuple(Part(root, root, attempt, eur(10_000), eur(10_000)) for root in roots)
    amount = eur(10_000 * len(parts))
    reference = reference or "+".join(f"{root}#{attempt}" for root in roots)
    order = Order(reference, "10001", MANDATE, amount, None, parts, "", "")
    now = store.database.now()
    posting = plan_collection(CollectionOrder(reference, "MD1", amount), ACME, now, invoices=roots)
    with store.begin() as transaction:
        store.ledger.plan("acme", [posting], within=transaction)
        (row,) = store.collections.add("acme", [(order, posting)], within=transaction)
    return row


def states(store: Store) -> dict[str, str]:
    return {row.reference: row.state.value for row in store.collections.all("acme")}


# --- open invoices ---------------------------------------------------------------------------------------------------


def test_a_snapshot_keeps_every_item_and_notices_what_is_gone(store, clock):
    first = store.receivables.put_snapshot("acme", [invoice("R1"), invoice("R2", reopens="R0", on_hold=True)])
    clock.advance(60)

    second = store.receivables.put_snapshot("acme", [invoice("R1", 4_000), invoice("R3")])

    assert (first.open, first.new, first.changed, first.gone) == (2, 2, 0, ())
    assert (second.open, second.new, second.changed, second.gone) == (2, 1, 1, ("R2",))
    assert list(store.receivables.open("acme")) == [invoice("R1", 4_000), invoice("R3")]
    assert store.receivables.read_at("acme") == clock.moment
    assert store.receivables.count_open("other") == 0


def test_an_item_that_comes_back_is_new_again(store):
    for items in ([invoice("R1")], [], [invoice("R1")]):
        snapshot = store.receivables.put_snapshot("acme", items)

    assert (snapshot.new, snapshot.gone) == (1, ())


def test_an_item_reads_back_as_it_was(store):
    item = invoice("R2", -500, reopens="R0", on_hold=True, document_type="credit_note", issued_on=date(2026, 2, 1))

    store.receivables.put_snapshot("acme", [item])

    assert list(store.receivables.open("acme")) == [item]


# --- collections -----------------------------------------------------------------------------------------------------


def test_a_collection_reads_back_with_its_allocation_table(store):
    row = add(store, "R1", "R2")

    (back,) = store.collections.all("acme")

    assert back == row
    assert [part.root for part in back.parts] == ["R1", "R2"]
    assert store.collections.attempts("acme", ["R2"])["R2"][0].amount == eur(10_000)


def test_the_database_refuses_a_second_collection_while_one_has_the_invoice(store):
    add(store, "R1", "R2")

    with pytest.raises(IntegrityError):
        add(store, "R2", attempt=2)

    assert states(store) == {"R1#1+R2#1": "planned"}
    assert store.ledger.get("acme", "collection:R2#2") is None


def test_the_database_refuses_a_number_that_was_used(store):
    row = add(store, "R1")
    store.collections.change("acme", [replace(row, state=AttemptState.CANCELLED)])

    with pytest.raises(IntegrityError):
        add(store, "R1", reference="another")


@pytest.mark.parametrize("state", ["failed", "charged_back", "cancelled", "withdrawn"])
def test_a_collection_that_ended_gives_its_invoice_free(store, state):
    row = add(store, "R1")
    store.collections.change("acme", [replace(row, state=AttemptState(state))])

    add(store, "R1", attempt=2)

    assert states(store) == {"R1#1": state, "R1#2": "planned"}


@pytest.mark.parametrize("state", ["held", "in_flight", "collected"])
def test_a_collection_that_did_not_end_keeps_its_invoice(store, state):
    row = add(store, "R1")
    store.collections.change("acme", [replace(row, state=AttemptState(state))])

    with pytest.raises(IntegrityError):
        add(store, "R1", attempt=2)


def test_a_collection_that_comes_back_to_life_does_not_take_the_invoice_from_its_successor(store):
    first = add(store, "R1")
    store.collections.change("acme", [replace(first, state=AttemptState.FAILED)])
    second = add(store, "R1", attempt=2)
    store.collections.change("acme", [replace(first, state=AttemptState.IN_FLIGHT, revision=1)])
    store.collections.change("acme", [replace(second, state=AttemptState.CANCELLED)])

    store.collections.change("acme", [replace(first, state=AttemptState.IN_FLIGHT, revision=2)])

    with pytest.raises(IntegrityError):
        add(store, "R1", attempt=3)


def test_every_change_is_a_row_of_the_trail(store):
    row = add(store, "R1")
    store.collections.change("acme", [replace(row, state=AttemptState.IN_FLIGHT, payment_id="PM1")])

    kinds = [entry.kind for entry in store.trail.about("acme", ["R1#1"])]

    assert kinds == ["collection_planned", "collection_changed"]
    assert store.collections.all("acme")[0].revision == 1
    assert store.trail.verify("acme").ok


def test_only_what_may_have_changed_is_looked_at(store, clock):
    rows = [add(store, root) for root in ("R1", "R2", "R3")]
    changed = [
        replace(rows[1], state=AttemptState.COLLECTED, payment_id="PM2"),
        replace(rows[2], state=AttemptState.COLLECTED, payment_id="PM3"),
    ]
    store.collections.change("acme", changed)
    clock.advance(60)
    store.entities.put("acme", "payments", [{"id": "PM3", "status": "failed"}], day_of=lambda moment: moment.date())

    assert [row.reference for row in store.collections.to_look_at("acme")] == ["R1#1", "R3#1"]


def test_the_newest_collections_come_first(store, clock):
    for root in ("R1", "R2", "R3"):
        add(store, root)
        clock.advance(1)

    assert [row.reference for row in store.collections.newest("acme", 2)] == ["R3#1", "R2#1"]
