"""What waits for a person this morning: held postings, what nobody could match, and what is on its way to the books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import customer_of, payment_of
from connector_resources.posting.planning import DECIDED_TYPES
from connector_resources.reports.figures import words
from connector_resources.reports.model import Amount, Cell, Column, Fact, Kind, Mark, Report, Section, State, Table
from connector_resources.reports.sources import (
    NOBODY,
    SETTLED,
    at_gocardless,
    document_of,
    head_of,
    kind_text,
    people,
)
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

TITLE = "Work list"
QUESTION = "What waits for a person, why, since when, and what is the next step?"

#: receipts without an invoice are shown so long after they were booked.
RECENT = timedelta(days=62)
#: of events without a decision so many are looked at.
MOST_EVENTS = 1000


def work_list(store: Store, connection: Connection, now: datetime) -> Report:
    """What waits now."""
    today = now.astimezone(connection.zone).date()
    held = held_table(store, connection, store.ledger.held(connection.name))
    customers = _customer_table(store, connection)
    receipts = _receipt_table(store, connection, today)
    suspense = _suspense_table(store, connection, today)
    waiting = _waiting_table(store, connection)
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=f"on {today}",
        facts=(
            Fact(len(held.rows), "held postings"),
            Fact(len(customers.rows), "customers not linked"),
            Fact(len(receipts.rows) + len(suspense.rows), "receipts to match"),
            Fact(len(waiting.rows), "wait by themselves"),
        ),
        sections=(
            Section("Held", "Nothing more happens to these until a person acts.", tables=(held,)),
            Section("Not matched", tables=(customers, receipts, suspense)),
            Section(
                "Waiting",
                "These need nobody, but for what waits for a held posting; a later run takes them up.",
                tables=(waiting,),
            ),
        ),
        landscape=True,
    )


def held_table(store: Store, connection: Connection, held: Sequence[LedgerRow]) -> Table:
    """Held postings, the longest held first, with what to do and what to type."""
    name = connection.name
    since = _held_since(store, connection, held)
    known = people(store, name, [row.posting.subject for row in held])
    rows: list[tuple[Cell, ...]] = []
    for row in sorted(held, key=lambda each: (since[each.posting.key], each.posting.key)):
        posting, amount = row.posting, row.posting.activity_amount
        rows.append(
            (
                at_gocardless(connection, posting.subject), kind_text(row), str(known.get(posting.subject, NOBODY)),
                Amount.of(amount) if amount else None, since[posting.key], State(words(row.held_code), Mark.BAD),
                row.held_reason, row.held_next_step, posting.key,
            )
        )  # fmt: skip
    return Table(
        sheet="Held",
        caption="Held postings",
        columns=(
            Column("GoCardless id", Kind.CODE), Column("What"), Column("Customer"), Column("Amount", Kind.AMOUNT),
            Column("Since", Kind.DATE), Column("Code"), Column("Why", Kind.NOTE), Column("Next step", Kind.NOTE),
            Column("Posting", Kind.CODE),
        ),
        rows=tuple(rows),
        empty="Nothing is held.",
        note=f"When it is done: `connector release {name} POSTING`, then the next run posts it." if rows else "",
    )  # fmt: skip


def _held_since(store: Store, connection: Connection, held: Sequence[LedgerRow]) -> dict[str, date]:
    """The day of the last time each was held, by the trail; the day it was planned where the trail does not say."""
    days = {row.posting.key: row.planned_at.astimezone(connection.zone).date() for row in held}
    for entry in store.trail.about(connection.name, [row.posting.subject for row in held]):
        key = entry.payload.get("posting")
        if entry.kind == "held" and isinstance(key, str) and key in days:
            days[key] = entry.at.astimezone(connection.zone).date()
    return days


def _customer_table(store: Store, connection: Connection) -> Table:
    ids = store.customers.unlinked(connection.name)
    bodies = store.entities.get(connection.name, "customers", ids)
    rows: list[tuple[Cell, ...]] = []
    for key in ids:
        customer = customer_of(bodies[key])
        day = customer.created_at.astimezone(connection.zone).date()
        step = f"`connector customers link {connection.name} {key} NUMBER`"
        rows.append((at_gocardless(connection, key), customer.name, customer.email or "", day, step))
    return Table(
        sheet="Customers",
        caption="GoCardless customers that are no ERP customer yet",
        columns=(
            Column("Customer", Kind.CODE), Column("Name"), Column("E-mail"), Column("Since", Kind.DATE),
            Column("Next step", Kind.NOTE),
        ),
        rows=tuple(rows),
        empty="Every GoCardless customer is linked.",
    )  # fmt: skip


def _receipt_table(store: Store, connection: Connection, today: date) -> Table:
    """Booked receipts whose payment names no invoice: they stand on the customer's account."""
    found = [
        row
        for row in store.ledger.of_day(connection.name, today - RECENT, today, kinds=[PostingKind.RECEIPT])
        if row.state in SETTLED and not row.posting.invoices and not row.posting.allocations
    ]
    reversed_keys = {
        row.posting.reverses
        for row in store.ledger.of_day(connection.name, today - RECENT, today, kinds=[PostingKind.RECEIPT_REVERSAL])
    }
    found = [row for row in found if row.posting.key not in reversed_keys]
    known = people(store, connection.name, [row.posting.subject for row in found])
    rows: list[tuple[Cell, ...]] = []
    for row in found:
        amount = row.posting.activity_amount
        rows.append(
            (
                at_gocardless(connection, row.posting.subject), str(known.get(row.posting.subject, NOBODY)),
                Amount.of(amount) if amount else None, row.posting.booking_date, document_of([row]),
            )
        )  # fmt: skip
    return Table(
        sheet="Receipts",
        caption=f"Receipts of the last {RECENT.days} days whose payment names no invoice",
        columns=(
            Column("Payment", Kind.CODE), Column("Customer"), Column("Amount", Kind.AMOUNT), Column("Since", Kind.DATE),
            Column("ERP document", Kind.CODE),
        ),
        rows=tuple(rows),
        note="Next step: match each with an invoice in the ERP, where that did not happen there." if rows else "",
        empty="Every receipt names its invoice.",
    )  # fmt: skip


def _suspense_table(store: Store, connection: Connection, today: date) -> Table:
    """Payments that payouts had to book to suspense, because no receipt of them was known."""
    found: list[tuple[str, LedgerRow]] = []
    for row in store.ledger.of_day(connection.name, today - RECENT, today, kinds=[PostingKind.PAYOUT]):
        payments = row.posting.facts.get("suspense_payments", "")
        found += [(payment, row) for payment in payments.split(",") if payment and row.state in SETTLED]
    known = people(store, connection.name, [payment for payment, _ in found])
    bodies = store.entities.get(connection.name, "payments", [payment for payment, _ in found])
    rows: list[tuple[Cell, ...]] = []
    for payment, row in found:
        body = bodies.get(payment)
        rows.append(
            (
                at_gocardless(connection, payment), str(known.get(payment, NOBODY)),
                Amount.of(payment_of(body).amount) if body else None, row.posting.booking_date, row.posting.subject,
                document_of([row]),
            )
        )  # fmt: skip
    return Table(
        sheet="Suspense",
        caption=f"Payments that payouts of the last {RECENT.days} days booked to suspense",
        columns=(
            Column("Payment", Kind.CODE), Column("Customer"), Column("Amount", Kind.AMOUNT), Column("Since", Kind.DATE),
            Column("Payout", Kind.CODE), Column("ERP document", Kind.CODE),
        ),
        rows=tuple(rows),
        note="Next step: find out whose each is, and book it from suspense to the customer." if rows else "",
        empty="Nothing stands on suspense.",
    )  # fmt: skip


def _waiting_table(store: Store, connection: Connection) -> Table:
    return Table(
        sheet="Waiting",
        caption="Waiting for something else",
        columns=(
            Column("GoCardless id", Kind.CODE),
            Column("What"),
            Column("Waits for", Kind.NOTE),
            Column("Since", Kind.DATE),
        ),
        rows=tuple(_waiting(store, connection)),
        empty="Nothing waits.",
    )


def _waiting(store: Store, connection: Connection) -> Iterator[tuple[Cell, ...]]:
    name = connection.name
    on = {each.posting_key: each for each in store.ledger.waiting_on(name)}
    rows = store.ledger.by_key(name, {*on, *(each.reverses for each in on.values())})
    for key, each in on.items():
        state = f", which is {each.reversed_state}" if each.reversed_state else ", which is not known"
        first = rows.get(each.reverses)
        step = f": {first.held_next_step}" if first is not None and first.held_next_step else ""
        day = rows[key].planned_at.astimezone(connection.zone).date()
        yield at_gocardless(connection, each.subject), words(each.kind), f"posting {each.reverses}{state}{step}", day
    for event in store.inbox.new_events(name, date.min, date.max, limit=MOST_EVENTS):
        if event.resource_type in DECIDED_TYPES or event.action == "bounced_payout":
            what = f"{words(event.resource_type)} {words(event.action)}"
            yield (
                at_gocardless(connection, event.subject),
                what,
                "the rest of its story, or the next run",
                event.activity_day,
            )
