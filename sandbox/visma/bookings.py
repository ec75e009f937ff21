"""From a released document to the general ledger: a batch that the API shows, and the entry in the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.visma import chart, periods, rates
from sandbox.visma.books import Entry, Line
from sandbox.visma.records import Batch, JournalLine

if TYPE_CHECKING:
    from sandbox.visma.company import Company


def book_document(
    company: Company,
    module: str,
    kind: str,
    number: str,
    reference: str,
    dated: date,
    currency: str,
    lines: Sequence[Line],
    *,
    rate: Decimal | None = None,
) -> None:
    """Book a sub-ledger document (module AR or CA) and show it as a posted batch. Lines of zero are left out.

    `rate` is that of the document; without it the company's rate of the day is taken.
    """
    lines = tuple(line for line in lines if line.minor)
    rate = rates.rate(company, currency, dated) if rate is None else rate
    period = periods.of(company, dated).id
    batch = Batch(
        **company.stamps(),
        module=module,
        number=company.next_number(f"batch {module}"),
        status="Posted" if company.switches.auto_post else "Unposted",
        dated=dated,
        period=period,
        currency=currency,
        rate=rate,
        ledger=chart.LEDGER,
        description=f"{kind} {number}",
        lines=[
            JournalLine(
                line.account,
                max(line.minor, 0),
                max(-line.minor, 0),
                reference=number,
                description=reference,
                customer=line.customer,
            )
            for line in lines
        ],
    )
    company.batches[module, batch.number] = batch
    base = rates.base_lines(company, lines, currency, rate)
    company.books.book(Entry(kind, number, reference, dated, period, currency, lines, base))


def book_batch(company: Company, batch: Batch) -> None:
    """Book a released journal. Its reference is that of its first line which has one."""
    reference = next((line.reference for line in batch.lines if line.reference), "")
    lines = tuple(Line(line.account, line.debit_minor - line.credit_minor) for line in batch.lines)
    base = rates.base_lines(company, lines, batch.currency, batch.rate)
    company.books.book(
        Entry("Journal", batch.number, reference, batch.dated, batch.period, batch.currency, lines, base)
    )
