"""What the reconciliation report says, gathered from the store; no layout here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money
from bookkeeping.payout_proof import FEE_TYPES, prove, summarise
from bookkeeping.postings import AccountRole, PostingKind, Side
from connector_resources.collections.overview import Overview, overview
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import payout_item_of, payout_of
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

SETTLED = ("posted", "delivered")


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """One payment, refund or fee group inside a payout, with the ERP document that booked it before."""

    what: str
    subject: str
    amount: Decimal
    currency: str
    document: str
    customer: str


@dataclass(frozen=True, slots=True)
class PayoutBlock:
    """One payout: what arrived, what it consists of, whether that proves it, and how it is booked.

    `totals` and `vat` are in minor units with fractions, as the items are; the amount that arrived is whole.
    """

    payout: Payout
    items: tuple[PaymentLine, ...]
    totals: tuple[tuple[str, Decimal], ...]
    vat: Decimal
    findings: tuple[str, ...]
    bookings: tuple[LedgerRow, ...]

    @property
    def proven(self) -> bool:
        return not self.findings

    @property
    def rounding(self) -> Decimal:
        """What lies between the sum of the items and the amount that arrived: less than one minor unit when proven."""
        return self.payout.amount.minor - sum((units for _, units in self.totals), Decimal(0))

    @property
    def booked(self) -> bool:
        return any(row.state in SETTLED for row in self.bookings)


@dataclass(frozen=True, slots=True)
class ClearingDay:
    """The clearing account at the end of a day, in minor units."""

    day: date
    balance_minor: int


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything on the report of one connection and month."""

    connection: Connection
    erp_label: str
    first_day: date
    last_day: date
    written_at: datetime
    payouts: tuple[PayoutBlock, ...]
    counts: tuple[tuple[str, str, int, Money | None], ...]
    held: tuple[LedgerRow, ...]
    clearing: dict[str, tuple[ClearingDay, ...]]
    postings: tuple[LedgerRow, ...]
    trail_head: str
    collections: Overview | None = None

    @property
    def proven(self) -> int:
        return sum(block.proven for block in self.payouts)


def gather(store: Store, connection: Connection, erp_label: str, first_day: date, now: datetime) -> ReportContent:
    """The content for the month that begins with `first_day`."""
    last_day = (first_day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    postings = tuple(store.ledger.of_day(connection.name, first_day, last_day))
    seq, head = store.trail.head(connection.name)
    return ReportContent(
        connection=connection,
        erp_label=erp_label,
        first_day=first_day,
        last_day=last_day,
        written_at=now,
        payouts=tuple(_payouts(store, connection, first_day, last_day)),
        counts=_counts(postings),
        held=tuple(store.ledger.held(connection.name)),
        clearing=_clearing(store, connection, first_day, last_day),
        postings=postings,
        trail_head=f"{seq}:{head}",
        collections=_collections(store, connection, first_day, now),
    )


def _collections(store: Store, connection: Connection, first_day: date, now: datetime) -> Overview | None:
    """Those on their way and those that changed since the month began; None where nothing is collected."""
    if not connection.collections.enabled:
        return None
    since = datetime.combine(first_day, datetime.min.time(), tzinfo=connection.zone)
    return overview(store, connection, now, since=since)


def _payouts(store: Store, connection: Connection, first_day: date, last_day: date) -> Iterator[PayoutBlock]:
    name = connection.name
    ids = list(store.inbox.subjects(name, first_day, last_day, only_new=False, resource_type="payouts"))
    bodies = store.entities.get(name, "payouts", ids)
    booked = store.ledger.of_subjects(name, ids)
    blocks = []
    for key, body in bodies.items():
        payout = payout_of(body)
        raw = store.entities.payout_items(name, key)
        items = [payout_item_of(item, payout.amount.currency) for item in raw or ()]
        findings = [f.message for f in prove(payout, items)] if raw is not None else ["The items were not read yet."]
        summary = summarise(payout.amount.currency, items)
        blocks.append(
            PayoutBlock(
                payout=payout,
                items=tuple(_item_lines(store, name, items)),
                totals=tuple(summary.by_type.items()),
                vat=summary.total_vat,
                findings=tuple(findings),
                bookings=tuple(booked.get(key, ())),
            )
        )
    yield from sorted(blocks, key=lambda b: (b.payout.arrival_date or b.payout.created_at.date(), b.payout.id))


def _item_lines(store: Store, name: str, items: Sequence[PayoutItem]) -> Iterator[PaymentLine]:
    subjects = sorted({s for i in items if i.type not in FEE_TYPES and (s := i.refund_id or i.payment_id)})
    rows = store.ledger.of_subjects(name, subjects)
    for item in items:
        if item.type in FEE_TYPES:
            continue
        subject = item.refund_id or item.payment_id or ""
        bookings = rows.get(subject, [])
        documents = ", ".join(step.document.number for row in bookings for step in row.documents[:1])
        parties = {
            row.posting.party.name or row.posting.party.gocardless_customer or ""
            for row in bookings
            if row.posting.party
        }
        yield PaymentLine(item.type, subject, item.amount, item.currency, documents, ", ".join(sorted(parties)))


def _counts(postings: Sequence[LedgerRow]) -> tuple[tuple[str, str, int, Money | None], ...]:
    counts: dict[tuple[str, str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in postings:
        amount = row.posting.activity_amount
        key = (str(row.posting.kind), row.state, amount.currency if amount else "")
        count, minor = counts[key]
        counts[key] = (count + 1, minor + (amount.minor if amount else 0))
    return tuple(
        (kind, state, count, Money(minor, currency) if currency else None)
        for (kind, state, currency), (count, minor) in sorted(counts.items())
    )


def _clearing(
    store: Store, connection: Connection, first_day: date, last_day: date
) -> dict[str, tuple[ClearingDay, ...]]:
    """Balance at each day's end per currency, from the booking dates of every settled posting up to `last_day`."""
    moves: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in store.ledger.of_day(connection.name, connection.books.cut_over, last_day):
        if row.state not in SETTLED or row.posting.kind in (PostingKind.CUSTOMER, PostingKind.MANDATE_STATUS):
            continue
        for line in row.posting.lines:
            if line.role is AccountRole.CLEARING:
                sign = 1 if line.side is Side.DEBIT else -1
                moves[line.amount.currency][row.posting.booking_date] += sign * line.amount.minor
    days = [first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    series: dict[str, tuple[ClearingDay, ...]] = {}
    for currency, by_day in sorted(moves.items()):
        balance = sum(minor for day, minor in by_day.items() if day < first_day)
        points = []
        for day in days:
            balance += by_day.get(day, 0)
            points.append(ClearingDay(day, balance))
        series[currency] = tuple(points)
    return series
