"""The month's reconciliation: from the opening to the closing clearing balance, and every payout to the penny."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bookkeeping.clearing_ageing import Account, balance_moves
from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.reports.clearing import read_account
from connector_resources.reports.collecting import collection_tables
from connector_resources.reports.figures import amount_text, words
from connector_resources.reports.model import (
    Amount,
    Cell,
    Column,
    Fact,
    Kind,
    Point,
    Report,
    Section,
    StepChart,
    Table,
)
from connector_resources.reports.payout_blocks import PayoutBlock, payout_blocks, payout_section
from connector_resources.reports.sources import (
    SETTLED,
    Month,
    at_gocardless,
    booking_state,
    document_of,
    head_of,
    kind_text,
)
from connector_resources.reports.work_list import held_table
from connector_resources.reports.writing import write_report
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store

TITLE = "Reconciliation"
QUESTION = "Does what GoCardless collected, kept and paid out agree with the books, to the penny?"
#: how long before the month a payout may have been announced that arrives in it.
ANNOUNCED_EARLIER = timedelta(days=10)

#: what moves the clearing account, in the order of the statement, with the posting kinds of each.
MOVEMENTS: Mapping[str, frozenset[str]] = {
    "Receipts": frozenset({PostingKind.RECEIPT.value}),
    "Late failures and chargebacks": frozenset({PostingKind.RECEIPT_REVERSAL.value}),
    "Refunds": frozenset({PostingKind.REFUND.value}),
    "Refunds returned": frozenset({PostingKind.REFUND_REVERSAL.value}),
    "Payouts": frozenset({PostingKind.PAYOUT.value}),
}
OTHER_MOVEMENTS = "Corrections"
#: left out of a page on which there are none.
RARE_MOVEMENTS = frozenset({"Refunds returned", OTHER_MOVEMENTS})


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, and its headline figures."""

    html: Path
    xlsx: Path
    payouts: int
    proven: int
    held: int


@dataclass(frozen=True, slots=True)
class Statement:
    """The clearing account of one currency over a month, minor units. `opening` and `movements` sum to `closing`.

    A posting may be dated later than today; it is in `closing`, not in `days`.
    """

    currency: str
    opening: int
    movements: Mapping[str, int]
    closing: int
    days: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class MonthContent:
    """What the report is made of."""

    statements: tuple[Statement, ...]
    payouts: tuple[PayoutBlock, ...]
    postings: tuple[LedgerRow, ...]
    held: tuple[LedgerRow, ...]

    @property
    def proven(self) -> int:
        return sum(block.proven for block in self.payouts)


def write_reconciliation(
    store: Store, connection: Connection, first_day: date, directory: Path, now: datetime
) -> Written:
    """Write the report of the month that begins with `first_day`. An older report of that month is replaced at once."""
    month = Month.of(first_day)
    content = gather(store, connection, month, now)
    report = reconciliation_report(store, connection, month, now, content)
    files = write_report(report, directory, f"reconciliation-{connection.name}-{month.stem}")
    return Written(files.html, files.xlsx, len(content.payouts), content.proven, len(content.held))


def gather(store: Store, connection: Connection, month: Month, now: datetime) -> MonthContent:
    """What the store knows of the month; balances are followed up to today."""
    until = min(month.last_day, now.astimezone(connection.zone).date())
    account = read_account(store, connection)
    return MonthContent(
        statements=tuple(statements(account, month, until)),
        payouts=tuple(payouts_of_month(store, connection, month)),
        postings=tuple(store.ledger.of_day(connection.name, month.first_day, month.last_day)),
        held=tuple(store.ledger.held(connection.name)),
    )


def reconciliation_report(
    store: Store, connection: Connection, month: Month, now: datetime, content: MonthContent | None = None
) -> Report:
    """The report of a month; `content` when it was gathered already."""
    content = content or gather(store, connection, month, now)
    seq, head = store.trail.head(connection.name)
    blocks, postings, charts = content.payouts, content.postings, tuple(map(_chart, content.statements))
    booked = sum(block.booked for block in blocks)
    collecting = collection_tables(store, connection, month, now)
    sections = [
        Section("Clearing account", LEAD, charts=charts, tables=(_statement_table(content),)),
        Section("Payouts, line by line", tables=(_payout_table(connection, blocks), _difference_table(connection, blocks))),
        Section("Held: waiting for a person", tables=(held_table(store, connection, content.held),)),
        *([Section("Collections", tables=collecting)] if collecting else []),
        Section("Postings of the month", tables=(_count_table(postings), _posting_table(connection, postings))),
        *(payout_section(connection, block, page_rows=100) for block in blocks),
    ]  # fmt: skip
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=month.title,
        facts=(
            Fact(f"{content.proven} / {len(content.payouts)}", "payouts proven to the penny"),
            Fact(f"{booked} / {len(content.payouts)}", "payouts booked"),
            *(Fact(Amount(Decimal(s.closing), s.currency), "clearing balance at the end") for s in content.statements),
            Fact(len(content.postings), "postings of the month"),
            Fact(len(content.held), "held"),
        ),
        sections=tuple(sections),
        landscape=True,
        foot=f"Trail head {seq}:{head}. Check it with `connector trail verify`.",
    )


LEAD = (
    "What GoCardless holds for you: it rises with each receipt and falls with each payout. What remains at the end is "
    "listed item by item in the report on the clearing account."
)


def statements(account: Account, month: Month, until: date) -> Iterator[Statement]:
    """One per currency that ever moved. `until`: the last day of which balances are listed."""
    moves: dict[str, dict[tuple[date, str], int]] = defaultdict(lambda: defaultdict(int))
    for currency, move in balance_moves(account):
        moves[currency][move.day, move.kind] += move.units
    days = [month.first_day + timedelta(days=n) for n in range((until - month.first_day).days + 1)]
    for currency, by_day in sorted(moves.items()):
        opening = sum(units for (day, _), units in by_day.items() if day < month.first_day)
        movements = dict.fromkeys((*MOVEMENTS, OTHER_MOVEMENTS), 0)
        of_day: dict[date, int] = defaultdict(int)
        for (day, kind), units in by_day.items():
            if day in month:
                of_day[day] += units
                title = next((name for name, kinds in MOVEMENTS.items() if kind in kinds), OTHER_MOVEMENTS)
                movements[title] += units
        balance, points = opening, []
        for day in days:
            balance += of_day[day]
            points.append(Point(day, balance))
        yield Statement(currency, opening, movements, opening + sum(movements.values()), tuple(points))


def payouts_of_month(store: Store, connection: Connection, month: Month) -> Iterator[PayoutBlock]:
    """Payouts that are booked in the month; of those that are not booked, the ones that arrived or were made in it."""
    name = connection.name
    journals = {
        row.posting.subject: row.posting.booking_date
        for row in store.ledger.of_day(name, date.min, date.max, kinds=[PostingKind.PAYOUT])
        if row.state in SETTLED
    }
    earliest = month.first_day - ANNOUNCED_EARLIER
    announced = store.inbox.subjects(name, earliest, month.last_day, only_new=False, resource_type="payouts")
    ids = {key for key, day in journals.items() if day in month} | (set(announced) - set(journals))
    for block in payout_blocks(store, name, ids):
        arrived = block.bank_date or block.payout.created_at.astimezone(connection.zone).date()
        if block.payout.id in journals or arrived in month:
            yield block


def _chart(statement: Statement) -> StepChart:
    currency = statement.currency

    def shown(minor: int) -> str:
        return f"{amount_text(Amount(Decimal(minor), currency))} {currency}"

    words_for_it = f"It begins at {shown(statement.opening)} and ends at {shown(statement.closing)}"
    if statement.days:
        low = min(statement.days, key=lambda point: point.minor)
        high = max(statement.days, key=lambda point: point.minor)
        words_for_it += f"; highest on {high.day} with {shown(high.minor)}, lowest on {low.day} with {shown(low.minor)}"
    words_for_it += "."
    return StepChart(f"Balance in {currency} at the end of each day", currency, statement.days, words_for_it)


def _statement_table(content: MonthContent) -> Table:
    columns = ("Opening balance", *MOVEMENTS, OTHER_MOVEMENTS, "Closing balance")
    rows: list[tuple[Cell, ...]] = []
    for each in content.statements:
        units = (each.opening, *each.movements.values(), each.closing)
        amounts = [Amount(Decimal(unit), each.currency) for unit in units]
        shown = zip(columns, amounts, strict=True)
        rows.append((each.currency, *(a if a.units or title not in RARE_MOVEMENTS else None for title, a in shown)))
    return Table(
        sheet="Clearing",
        caption="From the opening to the closing balance",
        columns=(Column("Currency"), *(Column(t, Kind.AMOUNT, optional=t in RARE_MOVEMENTS) for t in columns)),
        rows=tuple(rows),
        empty="Nothing has touched the clearing account.",
    )


def _payout_table(connection: Connection, blocks: Sequence[PayoutBlock]) -> Table:
    rows = []
    for block in blocks:
        currency = block.currency
        difference = block.exchange_difference
        rows.append(
            (
                at_gocardless(connection, block.payout.id), block.payout.reference or "", block.bank_date,
                Amount(block.summary.gross, currency), Amount.of(block.fees - block.vat),
                Amount.of(block.vat), Amount.of(block.payout.amount),
                Amount.of(block.received) if block.received.currency != currency else None,
                Amount.of(difference) if difference is not None else None,
                document_of([row for row in block.bookings if row.posting.kind is PostingKind.PAYOUT]), block.state,
            )
        )  # fmt: skip
    return Table(
        sheet="Payouts",
        caption="Payouts of the month: gross, less fees and VAT, is what arrived",
        columns=(
            Column("Payout", Kind.CODE), Column("Reference on the bank statement", Kind.CODE),
            Column("Bank date", Kind.DATE), Column("Gross", Kind.AMOUNT), Column("Fees", Kind.AMOUNT),
            Column("VAT on fees", Kind.AMOUNT), Column("Net", Kind.AMOUNT), Column("Received", Kind.AMOUNT, optional=True),
            Column("Exchange difference", Kind.AMOUNT, optional=True),
            Column("ERP document", Kind.CODE), Column("State", Kind.STATE),
        ),
        rows=tuple(rows),
        empty="No payouts in this month.",
        note=(
            "Gross less fees and VAT is net; fractions of fees are rounded once, at the payout. Received and exchange "
            "difference are filled where the bank got another currency: at GoCardless's rates, from when the payments were "
            "booked to when they were paid out; an ERP with rates of its own may book another figure."
        ) if rows else "",
        page_rows=1000,
    )  # fmt: skip


def _difference_table(connection: Connection, blocks: Sequence[PayoutBlock]) -> Table:
    """Whatever keeps a payout from being proven and booked, item by item."""
    rows: list[tuple[Cell, ...]] = []
    for block in blocks:
        payout = at_gocardless(connection, block.payout.id)
        rows += [
            (payout, "", Amount.of(block.payout.amount), "not proven", each, "Read the payout again.")
            for each in block.findings
        ]
        rows += [
            (
                payout,
                at_gocardless(connection, line.subject),
                Amount(line.item.amount, block.currency),
                "item",
                line.problem,
                line.row.held_next_step if line.row else "Follow it with `connector trace`.",
            )
            for line in block.unbooked
        ]
        journal = block.journal
        if journal is None or not block.booked:
            why = journal.held_reason if journal and journal.held_reason else "It is not booked yet."
            step = (
                journal.held_next_step
                if journal
                else "Materialise its day again; `nothing_missed` says what it waits for."
            )
            rows.append((payout, "", Amount.of(block.payout.amount), "payout", why, step))
    return Table(
        sheet="Differences",
        caption="Differences",
        columns=(
            Column("Payout", Kind.CODE), Column("Item", Kind.CODE), Column("Amount", Kind.AMOUNT), Column("What"),
            Column("Why", Kind.NOTE), Column("Next step", Kind.NOTE),
        ),
        rows=tuple(rows),
        empty="No differences: every payout is proven by its items, and each of them is booked.",
    )  # fmt: skip


def _count_table(postings: Sequence[LedgerRow]) -> Table:
    counts: dict[tuple[str, str, str], tuple[int, int, LedgerRow]] = {}
    for row in postings:
        amount = row.posting.activity_amount
        key = (str(row.posting.kind), row.state, amount.currency if amount else "")
        count, minor, _ = counts.get(key, (0, 0, row))
        counts[key] = (count + 1, minor + (amount.minor if amount else 0), row)
    return Table(
        sheet="Summary",
        caption="How many of which kind, and how they stand",
        columns=(Column("Kind"), Column("State", Kind.STATE), Column("Count", Kind.COUNT), Column("Amount", Kind.AMOUNT)),
        rows=tuple(
            (words(kind), booking_state(row), count, Amount(Decimal(minor), currency) if currency else None)
            for (kind, _, currency), (count, minor, row) in sorted(counts.items())
        ),
        empty="No postings in this month.",
    )  # fmt: skip


def _posting_table(connection: Connection, postings: Sequence[LedgerRow]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for row in postings:
        posting, amount = row.posting, row.posting.activity_amount
        rows.append(
            (
                posting.key, kind_text(row), at_gocardless(connection, posting.subject), posting.booking_date,
                Amount.of(amount) if amount else None, booking_state(row), document_of([row]), posting.text,
            )
        )  # fmt: skip
    return Table(
        sheet="Postings",
        caption="Every posting",
        columns=(
            Column("Posting", Kind.CODE), Column("Kind"), Column("GoCardless id", Kind.CODE), Column("Date", Kind.DATE),
            Column("Amount", Kind.AMOUNT), Column("State", Kind.STATE), Column("ERP document", Kind.CODE), Column("Text"),
        ),
        rows=tuple(rows),
        empty="No postings in this month.",
        page_rows=0,
    )  # fmt: skip
