"""Payouts as reports show them: what arrived, what it consists of, whether that proves it, and how each item is booked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money, round_minor
from bookkeeping.payout_proof import FEE_TYPES, ITEM_RULES, PayoutSummary, prove, summarise, vat_cost
from bookkeeping.postings import AccountRole, PostingKind, Side
from connector_resources.connections.model import Connection
from connector_resources.erp.payout_books import MOVED_BY
from connector_resources.gocardless.wire import payout_item_of, payout_of
from connector_resources.reports.figures import words
from connector_resources.reports.model import Amount, Cell, Column, Kind, Mark, Ref, Section, State, Table
from connector_resources.reports.sources import (
    NOBODY,
    SETTLED,
    Person,
    at_gocardless,
    booking_state,
    document_of,
    held_text,
    kind_text,
    people,
)
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

NOT_READ = "The items of this payout were not read yet; materialise payout_items of its day."


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of a payout with the posting that booked it; `amount` and `vat` are minor units with fractions."""

    item: PayoutItem
    subject: str
    person: Person
    vat: Decimal
    row: LedgerRow | None
    problem: str

    @property
    def is_fee(self) -> bool:
        return self.item.type in FEE_TYPES


@dataclass(frozen=True, slots=True)
class PayoutBlock:
    """One payout. `findings` say why it is not proven, `problems` what of it is not booked as it should be."""

    payout: Payout
    summary: PayoutSummary
    lines: tuple[ItemLine, ...]
    findings: tuple[str, ...]
    bookings: tuple[LedgerRow, ...]

    @property
    def currency(self) -> str:
        return self.payout.amount.currency

    @property
    def proven(self) -> bool:
        return not self.findings

    @property
    def journal(self) -> LedgerRow | None:
        """The posting that moves the clearing account."""
        return next((row for row in self.bookings if row.posting.kind is PostingKind.PAYOUT), None)

    @property
    def booked(self) -> bool:
        return self.journal is not None and self.journal.state in SETTLED

    @property
    def rounding(self) -> Decimal:
        """What lies between the sum of the items and the amount that arrived: less than one minor unit when proven."""
        return self.payout.amount.minor - self.summary.net

    @property
    def bank_date(self) -> date | None:
        return self.payout.arrival_date

    @property
    def received(self) -> Money:
        """What the bank shows: the converted amount of an FX payout, once it is known."""
        fx = self.payout.fx
        return fx.amount if fx is not None and fx.amount is not None else self.payout.amount

    @property
    def fees(self) -> Money:
        """What was kept, VAT included, in whole units: gross less net, as it is booked."""
        gross = round_minor(self.summary.gross, self.currency)
        return gross - self.payout.amount if self.lines else Money.zero(self.currency)

    @property
    def vat(self) -> Money:
        """The VAT in the fees, rounded once per tax rate, as it is booked."""
        rounded = (round_minor(cost, self.currency).minor for cost in self.summary.vat.values())
        return Money(sum(rounded), self.currency)

    @property
    def exchange_difference(self) -> Money | None:
        """What the final rate made of its payments, less what they were worth when they were booked; None if not known.

        At GoCardless's own rates, in the currency that the bank received. An ERP that keeps rates of its own may book
        another figure.
        """
        fx = self.payout.fx
        if fx is None or fx.amount is None or fx.rate is None or fx.currency == self.currency:
            return None
        booked = Decimal(0)
        for line in self.lines:
            if line.is_fee:
                continue
            facts = line.row.posting.facts if line.row is not None else {}
            if facts.get("fx_currency") != fx.currency or "fx_amount" not in facts:
                return None
            booked += Decimal(facts["fx_amount"]).copy_sign(line.item.amount)
        now = round_minor(self.summary.gross, self.currency).major * fx.rate
        places = Money.zero(fx.currency).major
        return Money.from_major((now - booked).quantize(places, ROUND_HALF_UP), fx.currency)

    @property
    def unbooked(self) -> tuple[ItemLine, ...]:
        return tuple(line for line in self.lines if line.problem)

    @property
    def state(self) -> State:
        if not self.proven:
            return State("not proven", Mark.BAD)
        if self.payout.status == "bounced":
            return State("sent back by the bank", Mark.BAD)
        if self.booked:
            return State("proven and booked", Mark.GOOD)
        held = self.journal is not None and self.journal.state == "held"
        return State("proven, held", Mark.BAD) if held else State("proven, not booked yet", Mark.WAITS)


def payout_blocks(store: Store, name: str, ids: Collection[str]) -> list[PayoutBlock]:
    """The payouts of those ids that were read, by bank date; one that has not arrived stands by its creation."""
    bodies = store.entities.get(name, "payouts", sorted(ids))
    booked = store.ledger.of_subjects(name, sorted(bodies))
    blocks = [_block(store, name, payout_of(body), booked.get(key, [])) for key, body in bodies.items()]
    return sorted(blocks, key=lambda b: (b.currency, b.bank_date or b.payout.created_at.date(), b.payout.id))


def _block(store: Store, name: str, payout: Payout, bookings: Sequence[LedgerRow]) -> PayoutBlock:
    raw = store.entities.payout_items(name, payout.id)
    items = [payout_item_of(body, payout.amount.currency) for body in raw or ()]
    findings = tuple(finding.message for finding in prove(payout, items)) if raw is not None else (NOT_READ,)
    summary = summarise(payout.amount.currency, items)
    return PayoutBlock(payout, summary, tuple(_lines(store, name, items, bookings)), findings, tuple(bookings))


def _lines(store: Store, name: str, items: Sequence[PayoutItem], bookings: Sequence[LedgerRow]) -> Iterable[ItemLine]:
    subjects = sorted({_subject(item) for item in items} - {""})
    known = people(store, name, subjects)
    rows = store.ledger.of_subjects(name, subjects)
    journal = next((row for row in bookings if row.posting.kind is PostingKind.PAYOUT), None)
    suspense = set(journal.posting.facts.get("suspense_payments", "").split(",")) if journal else set()
    for item in items:
        subject = _subject(item)
        vat = sum((vat_cost(item, tax) for tax in item.taxes), Decimal(0))
        row, problem = _booking(item, subject, rows, journal, suspense)
        yield ItemLine(item, subject, known.get(subject, NOBODY), vat, row, problem)


def _subject(item: PayoutItem) -> str:
    link = MOVED_BY[item.type][1] if item.type in MOVED_BY else "payment"
    return (item.refund_id if link == "refund" else item.payment_id) or ""


def _booking(
    item: PayoutItem,
    subject: str,
    rows: Mapping[str, Sequence[LedgerRow]],
    journal: LedgerRow | None,
    suspense: Collection[str],
) -> tuple[LedgerRow | None, str]:
    """The posting that booked an item, and what is wrong with that: a fee is booked by the payout's own."""
    if item.type not in MOVED_BY:
        return journal, ""
    if subject in suspense and item.payment_id == subject:
        return journal, "Its receipt was never booked; the payout booked it to suspense."
    kind = MOVED_BY[item.type][0]
    found = [row for row in rows.get(subject, ()) if row.posting.kind is kind]
    if not found:
        return None, "No posting is known: it is from before the cut-over, or its event was not read."
    return found[-1], held_text(found[-1])


# --- as tables ----------------------------------------------------------------------------------------------------------


def composition_table(block: PayoutBlock, *, page_rows: int) -> Table:
    """From the items to the bank line, type by type, to the last fraction."""
    currency = block.currency
    rows: list[tuple[Cell, ...]] = [
        (words(kind), block.summary.count_by_type.get(kind, 0), Amount(units, currency))
        for kind, units in sorted(block.summary.by_type.items(), key=_type_order)
    ]
    if block.rounding and block.lines:
        rows.append(("rounding of fractions", None, Amount(block.rounding, currency)))
    return Table(
        sheet="Composition",
        caption=f"What {block.payout.id} consists of",
        columns=(Column("Type"), Column("Items", Kind.COUNT), Column("Amount", Kind.AMOUNT)),
        rows=tuple(rows),
        total=("Arrives on the bank account", len(block.lines), Amount.of(block.payout.amount)),
        empty="Its items were not read yet.",
        keys=((Column("Payout", Kind.CODE), block.payout.id),),
        note="Fees include VAT." if block.summary.total_vat else "",
        page_rows=page_rows,
    )


def entry_table(block: PayoutBlock, *, page_rows: int) -> Table:
    """Debit and credit of everything booked of the payout itself."""
    rows: list[tuple[Cell, ...]] = []
    for row in block.bookings:
        for line in row.posting.lines:
            amount = Amount.of(line.amount)
            is_debit = line.side is Side.DEBIT
            rows.append(
                (
                    document_of([row]), row.posting.booking_date, kind_text(row), _account(line.role), line.text,
                    amount if is_debit else None, None if is_debit else amount, booking_state(row),
                )
            )  # fmt: skip
    return Table(
        sheet="Entries",
        caption=f"How {block.payout.id} is booked",
        columns=(
            Column("ERP document", Kind.CODE), Column("Date", Kind.DATE), Column("Posting"), Column("Account role"),
            Column("Text"), Column("Debit", Kind.AMOUNT), Column("Credit", Kind.AMOUNT), Column("State", Kind.STATE),
        ),
        rows=tuple(rows),
        empty="Nothing of it is booked yet.",
        keys=((Column("Payout", Kind.CODE), block.payout.id),),
        page_rows=page_rows,
    )  # fmt: skip


def item_table(connection: Connection, block: PayoutBlock, *, page_rows: int) -> Table:
    """Every item with its posting and its ERP document."""
    currency = block.currency
    ordered = sorted(block.lines, key=lambda line: (line.is_fee, not line.problem))
    rows: list[tuple[Cell, ...]] = [
        (
            at_gocardless(connection, line.subject), words(line.item.type), str(line.person),
            Amount(line.item.amount, currency), Amount(line.vat, currency) if line.vat else None,
            document_of([line.row]) if line.row else Ref(""), _item_state(line), line.problem,
        )
        for line in ordered
    ]  # fmt: skip
    return Table(
        sheet="Items",
        caption=f"Every item of {block.payout.id}",
        columns=(
            Column("GoCardless id", Kind.CODE), Column("Type"), Column("Customer", optional=True), Column("Amount", Kind.AMOUNT),
            Column("VAT in it", Kind.AMOUNT, optional=True), Column("ERP document", Kind.CODE), Column("Posting", Kind.STATE),
            Column("To look at", Kind.NOTE, optional=True),
        ),
        rows=tuple(rows),
        total=("Sum", "", "", Amount(block.summary.net, currency), Amount(block.summary.total_vat, currency), "", "", ""),
        empty="Its items were not read yet.",
        keys=((Column("Payout", Kind.CODE), block.payout.id),),
        page_rows=page_rows,
    )  # fmt: skip


def payout_section(connection: Connection, block: PayoutBlock, *, page_rows: int) -> Section:
    """A payout with everything it consists of, folded while it is in order."""
    arrived = f"arrived {block.bank_date}" if block.bank_date else "has not arrived"
    return Section(
        title=f"{block.payout.id}, {block.payout.reference or 'without reference'}, {arrived}",
        tables=(
            composition_table(block, page_rows=page_rows),
            entry_table(block, page_rows=page_rows),
            item_table(connection, block, page_rows=page_rows),
        ),
        folded=True,
        state=block.state,
        amount=Amount.of(block.payout.amount),
        findings=block.findings,
    )


def _item_state(line: ItemLine) -> State:
    if line.row is None:
        return State("not booked here", Mark.WAITS)
    if line.problem and line.row.state in SETTLED:
        return State("on suspense", Mark.BAD)
    return booking_state(line.row)


def _type_order(part: tuple[str, Decimal]) -> tuple[int, str]:
    """Payments first, fees after them, what no rule knows last."""
    known = list(ITEM_RULES)
    return (known.index(part[0]) if part[0] in ITEM_RULES else len(known), part[0])


def _account(role: AccountRole) -> str:
    return words(role.value)
