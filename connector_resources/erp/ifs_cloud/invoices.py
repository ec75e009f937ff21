"""What customers owe, from the items of the customer ledger (ifs_cloud.md sections 3.3 to 3.5 and 7.3). Pure.

An item is what is open of an invoice; credit notes and payments on account are items with a negative amount. Whether an invoice
is ready to be collected stands elsewhere, see `markers`: one that is not is shown as held back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from bookkeeping.money import Money, NotRepresentable, exponent
from connector_resources.erp.contract import OpenInvoice
from connector_resources.erp.ifs_cloud.companies import customer_number, invoice_number
from connector_resources.erp.ifs_cloud.odata import day_of
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import OpenItem

CUSTOMER = "Customer"
#: (company, series, number) of an invoice.
ItemKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """An open item with what a receipt needs to settle it."""

    invoice: OpenInvoice
    company: str
    identity: str
    series: str
    number: str
    version: str

    @property
    def key(self) -> ItemKey:
        return self.company, self.series, self.number


def claims(
    items: Iterable[OpenItem], settings: IfsCloudSettings, ready: Collection[ItemKey] | None = None
) -> list[Claim]:
    """One claim per open item, oldest due date first. `ready` holds the marked ones; None when all are."""
    found = [claim for item in items if (claim := _claim(item, settings, ready)) is not None]
    return sorted(found, key=lambda each: (each.invoice.due_on is None, each.invoice.due_on, each.invoice.number))


def _claim(item: OpenItem, settings: IfsCloudSettings, ready: Collection[ItemKey] | None) -> Claim | None:
    if item.party not in ("", CUSTOMER) or (item.state and item.state not in settings.open_states):
        return None
    opened, whole, exact = _amounts(item)
    if opened is None or not opened:
        return None
    key = (item.company, item.series, item.number)
    number = invoice_number(*key)
    kind = settings.item_types.get(item.series, "credit" if opened.minor < 0 else "invoice")
    invoice = OpenInvoice(
        number=number,
        customer=customer_number(item.company, item.customer),
        open_amount=opened,
        total_amount=whole,
        issued_on=day_of(item.issued),
        due_on=day_of(item.due),
        references=(f"{item.series}{item.number}", f"{item.series}-{item.number}", item.number),
        document_type=kind,
        # Held back: not marked, or with more decimals than its currency has, so that no payment could settle it.
        on_hold=not exact or (kind == "invoice" and ready is not None and key not in ready),
    )
    return Claim(invoice, item.company, item.customer, item.series, item.number, item.version)


def _amounts(item: OpenItem) -> tuple[Money | None, Money, bool]:
    """(what is open, the whole amount, whether both are exact). None for an item without a currency."""
    if len(item.currency) != 3 or not item.currency.isupper():
        return None, Money.zero("XXX"), False
    opened, exact_open = _money(item.full - item.cleared, item.currency)
    whole, exact_whole = _money(item.full, item.currency)
    return opened, whole, exact_open and exact_whole


def _money(amount: Decimal, currency: str) -> tuple[Money, bool]:
    try:
        return Money.from_major(amount, currency), True
    except NotRepresentable:
        places = Decimal(1).scaleb(-exponent(currency))
        return Money.from_major(amount.quantize(places, ROUND_DOWN), currency), False
