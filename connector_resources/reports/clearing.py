"""Why is the clearing account not zero? Every open item of a day by what it waits for and its age, to the exact balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum

from bookkeeping.clearing_ageing import (
    Account,
    Opening,
    OpenItem,
    clearing_account,
    clearing_units,
    is_held_for_us,
    moved_subject,
    open_items,
)
from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import payment_of, payout_item_of, payout_of, refund_of
from connector_resources.proofs.clearing import booked_postings, clearing_proofs, stood_at_cut_over
from connector_resources.reports.figures import counted, words
from connector_resources.reports.model import (
    Amount,
    Cell,
    Column,
    Fact,
    Kind,
    Mark,
    Report,
    Section,
    State,
    Table,
    share_bars,
)
from connector_resources.reports.sources import NOBODY, SETTLED, at_gocardless, head_of, kind_text, people
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

#: upper ends of the age buckets, in days; the last has none.
AGES = (3, 7, 14, 30, 60)
#: after so many days a confirmed payment should have been paid out, whatever the scheme (gocardless.md section 3.5).
LATE_AFTER_DAYS = 10

TITLE = "Clearing account"
QUESTION = "Why is the clearing account not zero?"


class Place(Enum):
    """What an open item waits for: how it is called, what it means, and what a person does about it."""

    WAITS = ("Collected, on its way", "GoCardless has it and pays it out in one of the next days.", "Nothing: wait.")
    LATE = (
        "Collected, payout is late",
        f"Confirmed more than {LATE_AFTER_DAYS} days ago and in no payout yet.",
        "Look at the GoCardless dashboard: a negative balance or an open verification stops payouts.",
    )
    CLEARED_LATER = (
        "Cleared after this day",
        "A payout or a reversal that was booked later has cleared it.",
        "Nothing.",
    )
    PAYOUT_NOT_BOOKED = (
        "Paid out, payout not booked",
        "The money has arrived, the payout's posting is held or waits.",
        "See the work list; the payout's own reason stands there.",
    )
    RECEIPT_MISSING = (
        "Paid out, receipt not booked",
        "The payout has cleared it, its receipt is held or waits.",
        "See the work list; the receipt's own reason stands there.",
    )
    REVERSAL_MISSING = (
        "Taken back, not booked",
        "GoCardless says failed or charged back, the books still show a receipt.",
        "See the work list; else materialise the day of the failure again.",
    )
    TAKEN_BACK = (
        "Taken back by the payer",
        "A late failure or chargeback: GoCardless takes it from a coming payout.",
        "Nothing: wait for the payout. Ask the customer for the money.",
    )
    REFUNDED = ("Refunded, in transit", "GoCardless takes it from a coming payout.", "Nothing: wait for the payout.")
    RETURNED = (
        "Refund returned",
        "It did not reach the payer; GoCardless pays it out to you.",
        "Refund in another way.",
    )
    UNEXPLAINED = (
        "Not explained", "The books moved it and GoCardless's payments and payouts do not say why.",
        "Follow it with `connector trace`.",
    )  # fmt: skip

    def __init__(self, title: str, meaning: str, next_step: str) -> None:
        self.title = title
        self.meaning = meaning
        self.next_step = next_step


#: what a person must act upon.
BAD_PLACES = frozenset(
    {Place.LATE, Place.PAYOUT_NOT_BOOKED, Place.RECEIPT_MISSING, Place.REVERSAL_MISSING, Place.UNEXPLAINED}
)


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An open item with what it waits for; `detail` says the particular of it."""

    item: OpenItem
    place: Place
    detail: str = ""


def clearing_report(store: Store, connection: Connection, as_of: date, now: datetime) -> Report:
    """The open items at the end of `as_of`, per currency."""
    today = now.astimezone(connection.zone).date()
    held_there = {}
    if as_of >= today:
        # First, and only the sums are kept: this and the account below each go through every payment of the store.
        held_there = {proof.currency: proof.held for proof in clearing_proofs(store, connection, now)}
    account = read_account(store, connection)
    items = place_items(store, connection, account, as_of, now)
    unbooked = list(_unbooked(store, connection.name, as_of))
    opening = opening_amounts(account)
    currencies = sorted({item.item.amount.currency for item in items} | {c for _, c, _ in unbooked} | set(held_there))
    sections = []
    facts: list[Fact] = []
    for currency in currencies:
        own = [item for item in items if item.item.amount.currency == currency]
        missing = [(row, units) for row, other, units in unbooked if other == currency]
        balance = total_of(own, currency)
        facts.append(Fact(Amount.of(balance), f"balance in the books, {counted(len(own), 'open item')}"))
        sections.append(
            Section(
                title=f"Balance in {currency}",
                amount=Amount.of(balance),
                facts=tuple(_facts(currency, balance, missing, held_there.get(currency), opening.get(currency))),
                tables=(
                    _ageing_table(own, currency, as_of),
                    _item_table(store, connection, own, currency, as_of),
                    _unbooked_table(connection, missing, currency),
                ),
            )
        )
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=f"at the end of {as_of}",
        facts=tuple(facts) or (Fact(0, "open items"),),
        sections=tuple(sections),
        landscape=True,
        foot="An age counts from the day on which the item last began to differ from zero in the books.",
    )


def read_account(store: Store, connection: Connection) -> Account:
    """Everything that ever moved the clearing account, from the ledger, the payouts' items and the cut-over."""
    name = connection.name

    def items(payout: Payout) -> Iterator[PayoutItem]:
        for body in store.entities.payout_items(name, payout.id) or ():
            yield payout_item_of(body, payout.amount.currency)

    payouts = (payout_of(body) for body in store.entities.all(name, "payouts"))
    return clearing_account(booked_postings(store, name), payouts, items, _opening(store, connection))


def opening_amounts(account: Account) -> dict[str, Money]:
    """What was brought over at the cut-over, per currency."""
    units: dict[str, int] = {}
    for (currency, _), moves in account.moves.items():
        for move in moves:
            if move.kind == "opening":
                units[currency] = units.get(currency, 0) + move.units
    return {currency: Money(total, currency) for currency, total in units.items() if total}


def place_items(store: Store, connection: Connection, account: Account, as_of: date, now: datetime) -> list[PlacedItem]:
    """What each open item of `as_of` waits for, as it is known now."""
    name = connection.name
    open_then = open_items(account, as_of)
    subjects = [item.subject for item in open_then]
    known = _Known(
        payments=store.entities.get(name, "payments", [s for s in subjects if s.startswith("PM")]),
        refunds=store.entities.get(name, "refunds", [s for s in subjects if s.startswith("RF")]),
        in_payout=_unbooked_payouts(store, name, account, set(subjects), as_of),
        open_now={(item.amount.currency, item.subject) for item in open_items(account, date.max)},
        today=min(as_of, now.astimezone(connection.zone).date()),
    )
    return [PlacedItem(item, *_placed(item, known)) for item in open_then]


def total_of(items: Sequence[PlacedItem], currency: str) -> Money:
    return Money(sum(each.item.amount.minor for each in items), currency)


def age_titles() -> list[str]:
    """The age buckets, as columns: "0–3 days", …, "over 60 days"."""
    starts = (0, *(end + 1 for end in AGES))
    return [f"{start}–{end} days" for start, end in zip(starts, AGES, strict=False)] + [f"over {AGES[-1]} days"]


@dataclass(frozen=True, slots=True)
class _Known:
    """Bodies by id; `in_payout`: the payout, not booked on that day, that holds an item; what is open today."""

    payments: Mapping[str, dict[str, object]]
    refunds: Mapping[str, dict[str, object]]
    in_payout: Mapping[str, str]
    open_now: set[tuple[str, str]]
    today: date


def _placed(item: OpenItem, known: _Known) -> tuple[Place, str]:
    subject, positive = item.subject, item.amount.minor > 0
    payment, refund = known.payments.get(subject), known.refunds.get(subject)
    later = (item.amount.currency, subject) not in known.open_now
    if payment is None and refund is None:
        return (
            Place.UNEXPLAINED,
            "Its payment or refund was never read, or the payout's journal differs from its items.",
        )
    if subject in known.in_payout:
        return Place.PAYOUT_NOT_BOOKED, f"In payout {known.in_payout[subject]}."
    if later:
        return Place.CLEARED_LATER, ""
    if refund is not None:
        status = refund_of(refund).status
        return (Place.RETURNED if positive else Place.REFUNDED), f"Refund is {words(status)}."
    assert payment is not None
    status = payment_of(payment).status
    brings = status in ("confirmed", "paid_out")
    if not positive:
        return (Place.RECEIPT_MISSING if brings else Place.TAKEN_BACK), f"Payment is {words(status)}."
    if not brings:
        return Place.REVERSAL_MISSING, f"Payment is {words(status)}."
    if status == "paid_out":
        return Place.WAITS, "GoCardless says paid out; its payout is not read or not paid yet."
    return (Place.LATE if item.age_days(known.today) > LATE_AFTER_DAYS else Place.WAITS), ""


def _opening(store: Store, connection: Connection) -> Opening:
    name = connection.name
    ids = sorted(stood_at_cut_over(store, connection))
    payments = store.entities.get(name, "payments", [key for key in ids if key.startswith("PM")])
    refunds = store.entities.get(name, "refunds", [key for key in ids if key.startswith("RF")])
    amounts = [(key, payment_of(body).amount) for key, body in payments.items()]
    amounts += [(key, -refund_of(body).amount) for key, body in refunds.items()]
    day = connection.books.cut_over - timedelta(days=1)
    return Opening(day, tuple(amounts), frozenset(key for key in ids if key.startswith("PO")))


def _unbooked_payouts(store: Store, name: str, account: Account, subjects: set[str], as_of: date) -> dict[str, str]:
    """Open item -> the payout that holds it, has arrived by then, and has no journal by then."""
    found: dict[str, str] = {}
    for body in store.entities.all(name, "payouts"):
        payout = payout_of(body)
        booked = any(journal.booking_date <= as_of for journal in account.journals.get(payout.id, ()))
        if booked or payout.status not in ("paid", "bounced") or (payout.arrival_date or as_of) > as_of:
            continue
        for raw in store.entities.payout_items(name, payout.id) or ():
            item = payout_item_of(raw, payout.amount.currency)
            subject = moved_subject(item)
            if is_held_for_us(item) and subject in subjects:
                found[subject] = payout.id
    return found


def _unbooked(store: Store, name: str, as_of: date) -> Iterator[tuple[LedgerRow, str, int]]:
    """Postings up to that day that would move the account and are not booked, with currency and units."""
    for row in store.ledger.of_day(name, date.min, as_of):
        if row.state not in (*SETTLED, "withdrawn"):
            for currency, units in clearing_units(row.posting):
                yield row, currency, units


def _facts(
    currency: str, balance: Money, missing: Sequence[tuple[LedgerRow, int]], held: Money | None, opening: Money | None
) -> Iterator[Fact]:
    rest = Money(sum(units for _, units in missing), currency)
    if opening is not None:
        yield Fact(Amount.of(opening), "of it brought over at the cut-over", "as far as it is known here")
    yield Fact(Amount.of(rest), f"not booked yet, {counted(len(missing), 'posting')}")
    if held is not None:
        gap = held - balance - rest
        yield Fact(Amount.of(held), "GoCardless holds, before fees")
        word = State("explained to the penny", Mark.GOOD) if not gap else State(f"{gap} differ", Mark.BAD)
        yield Fact(word, "books and what is not booked yet, against GoCardless")


def _bucket(item: OpenItem, as_of: date) -> int:
    age = item.age_days(as_of)
    return next((place for place, end in enumerate(AGES) if age <= end), len(AGES))


def _ageing_table(items: Sequence[PlacedItem], currency: str, as_of: date) -> Table:
    sums: dict[Place, list[int]] = {}
    for each in items:
        row = sums.setdefault(each.place, [0] * (len(AGES) + 1))
        row[_bucket(each.item, as_of)] += each.item.amount.minor
    places = [place for place in Place if place in sums]
    totals = [sum(row[bucket] for row in sums.values()) for bucket in range(len(AGES) + 1)]
    bars = share_bars([Decimal(sum(sums[place])) for place in places])

    def cells(first: str, units: Sequence[int], last: Cell, meaning: str) -> tuple[Cell, ...]:
        ages = (Amount(Decimal(each), currency) if each else None for each in units)
        return (first, *ages, Amount(Decimal(sum(units)), currency), last, meaning)

    return Table(
        sheet="Ageing",
        caption=f"What stands on the account in {currency}, by age",
        columns=(
            Column("Waits for"), *(Column(title, Kind.AMOUNT) for title in age_titles()), Column("Sum", Kind.AMOUNT),
            Column("Share", Kind.BAR), Column("What it means", Kind.NOTE),
        ),
        rows=tuple(
            cells(place.title, sums[place], bar, place.meaning) for place, bar in zip(places, bars, strict=True)
        ),
        total=cells("Balance in the books", totals, None, ""),
        empty=f"Nothing stands on the account in {currency}.",
    )  # fmt: skip


def _item_table(store: Store, connection: Connection, items: Sequence[PlacedItem], currency: str, as_of: date) -> Table:
    order = list(Place)
    ordered = sorted(items, key=lambda each: (order.index(each.place), each.item.since, each.item.subject))
    known = people(store, connection.name, [each.item.subject for each in ordered])
    rows: list[tuple[Cell, ...]] = []
    for each in ordered:
        item = each.item
        detail = f"{each.detail} From before the cut-over.".strip() if item.from_opening else each.detail
        rows.append(
            (
                at_gocardless(connection, item.subject), str(known.get(item.subject, NOBODY)),
                State(each.place.title, Mark.BAD if each.place in BAD_PLACES else Mark.WAITS), item.since,
                item.age_days(as_of), Amount.of(item.amount), detail, each.place.next_step,
            )
        )  # fmt: skip
    return Table(
        sheet="Open items",
        caption=f"Open items in {currency}",
        columns=(
            Column("GoCardless id", Kind.CODE), Column("Customer"), Column("Waits for", Kind.STATE),
            Column("Since", Kind.DATE), Column("Days", Kind.COUNT), Column("Amount", Kind.AMOUNT),
            Column("Detail", Kind.NOTE, optional=True),
            Column("Next step", Kind.NOTE, optional=True),
        ),
        rows=tuple(rows),
        total=("Balance in the books", "", "", None, None, Amount.of(total_of(items, currency)), "", ""),
        empty="No item is open.",
    )  # fmt: skip


def _unbooked_table(connection: Connection, missing: Sequence[tuple[LedgerRow, int]], currency: str) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            at_gocardless(connection, row.posting.subject), kind_text(row), row.posting.booking_date,
            Amount(Decimal(units), currency), State(row.state, Mark.BAD if row.state == "held" else Mark.WAITS),
            row.held_reason, row.held_next_step,
        )
        for row, units in missing
    ]  # fmt: skip
    return Table(
        sheet="Not booked yet",
        caption=f"Not booked yet in {currency}: what the balance changes by when it is",
        columns=(
            Column("GoCardless id", Kind.CODE), Column("Posting"), Column("Date", Kind.DATE),
            Column("Changes the balance by", Kind.AMOUNT), Column("State", Kind.STATE), Column("Why", Kind.NOTE, optional=True),
            Column("Next step", Kind.NOTE, optional=True),
        ),
        rows=tuple(rows),
        total=("Sum", "", None, Amount(Decimal(sum(units for _, units in missing)), currency), "", "", ""),
        empty="Everything that GoCardless told is booked.",
    )  # fmt: skip
