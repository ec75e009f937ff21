"""What customers owe, from Exact's open items: invoices netted with our own receipts and take-backs (2.5, 3.2, 11). Pure.

A receipt that Exact has not matched leaves its invoice open beside it, and a payment taken back is a new item of our journal:
only the sum of all items that carry one invoice number says what may still be collected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bookkeeping.money import Money, total
from connector_resources.erp.contract import OpenInvoice
from connector_resources.erp.exact_online.documents import money
from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.wire import Receivable

SALES_ENTRY, SALES_CREDIT = 20, 21
SELECTED = 30
COLLECTION = "I"


@dataclass(frozen=True, slots=True)
class Claim:
    """An open invoice with what an entry line needs to settle it."""

    invoice: OpenInvoice
    item: str
    account: str
    gl_account: str
    our_ref: int
    payment_reference: str
    #: the posted line (GUID) that made the item.
    line: str = ""


def claims(rows: Sequence[Receivable], settings: ExactOnlineSettings) -> list[Claim]:
    """One claim per customer, invoice number and currency that is not settled, oldest due date first.

    Credit of a customer, notes and receipts that settle nothing, are claims with a negative amount.
    """
    sign = raw_sign(rows, settings)
    groups: dict[tuple[str, str, str], list[Receivable]] = {}
    for row in rows:
        number = str(row.invoice_number or "") or f"{row.entry_number}/{row.journal}"
        if row.account:
            groups.setdefault((row.account, number, row.currency), []).append(row)
    shared = _shared_numbers(groups)
    found = []
    for (_, number, _), items in groups.items():
        claim = _claim(number, items, sign, settings, shared)
        if claim is not None:
            found.append(claim)
    return sorted(found, key=lambda each: (each.invoice.due_on is None, each.invoice.due_on, each.invoice.number))


def owed(row: Receivable, sign: int) -> Money:
    """What the item adds to the customer's debt; negative for receipts and credit notes, whatever sign Exact shows."""
    amount = money(row.amount_fc, row.currency)
    if row.transaction_type == SALES_CREDIT or (row.transaction_type == SALES_ENTRY and row.transaction_amount_fc < 0):
        return -abs(amount)
    if row.transaction_type == SALES_ENTRY:
        return abs(amount)
    return Money(amount.minor * sign, amount.currency)


def raw_sign(rows: Iterable[Receivable], settings: ExactOnlineSettings) -> int:
    """+1 where Exact shows debts positive, −1 where negative: by setting, else as most invoices have it (3.2)."""
    if settings.receivables_raw_sign != "auto":
        return 1 if settings.receivables_raw_sign == "positive" else -1
    invoices = [
        row.amount_fc
        for row in rows
        if row.transaction_type == SALES_ENTRY and row.transaction_amount_fc >= 0 and row.amount_fc
    ]
    positive = sum(1 for amount in invoices if amount > 0)
    return 1 if 2 * positive > len(invoices) else -1


def _claim(
    number: str, items: Sequence[Receivable], sign: int, settings: ExactOnlineSettings, shared: Collection[str]
) -> Claim | None:
    left = total([owed(row, sign) for row in items], items[0].currency)
    if not left:
        return None
    # The items on the side that is left over give the claim its name and dates.
    debts = [row for row in items if owed(row, sign).minor * left.minor > 0]
    first = min(debts, key=lambda row: (row.transaction_type != SALES_ENTRY, row.entry_number))
    name = f"{number}/{first.journal}/{first.account_code}" if number in shared else number
    quotes = (str(first.entry_number or ""), first.your_ref, first.payment_reference)
    invoice = OpenInvoice(
        number=name,
        customer=first.account_code,
        open_amount=left,
        total_amount=_total(first, left),
        issued_on=day_of(first.invoice_date),
        due_on=min((day for row in debts if (day := day_of(row.due_date))), default=None),
        references=tuple(dict.fromkeys(quote for quote in quotes if quote and quote != name)),
        document_type="invoice" if left.minor > 0 else "credit",
        on_hold=settings.collected_by_exact == "hold" and any(_is_exacts_own(row) for row in debts),
    )
    our_ref = first.invoice_number or first.entry_number
    return Claim(
        invoice, first.id, first.account, first.gl_account, our_ref, first.payment_reference, first.transaction_id
    )


def _total(row: Receivable, left: Money) -> Money:
    """The invoice's whole amount; never less than what is left of it."""
    whole = money(abs(row.transaction_amount_fc), row.currency)
    return left if abs(left) > whole else Money(whole.minor if left.minor > 0 else -whole.minor, left.currency)


def _is_exacts_own(row: Receivable) -> bool:
    """Selected for Exact's own collection, or of a payment method that its next run will select (section 2.4)."""
    return row.status == SELECTED or row.payment_method == COLLECTION


def _shared_numbers(groups: Iterable[tuple[str, str, str]]) -> set[str]:
    """Invoice numbers of several customers or currencies: they count per journal (section 9)."""
    seen: set[str] = set()
    shared: set[str] = set()
    for _, number, _ in groups:
        (shared if number in seen else seen).add(number)
    return shared
