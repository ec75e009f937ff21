"""The posting: the ERP-independent journal entry of one occurrence, with its lines, party and deterministic key.

Every ERP's `documents.py` turns postings into that ERP's native bodies; nothing here knows an ERP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bookkeeping.money import Money


class AccountRole(StrEnum):
    """What an account is for; each connection maps roles to account numbers (gocardless.md section 11)."""

    CLEARING = "clearing"
    BANK = "bank"
    RECEIVABLE = "receivable"
    FEES = "fees"
    SURCHARGES = "surcharges"
    PARTNER_FEES = "partner_fees"
    INPUT_VAT = "input_vat"
    FX_DIFFERENCE = "fx_difference"
    ROUNDING = "rounding"
    SALES_RETURNS = "sales_returns"
    SUSPENSE = "suspense"
    FX_TRANSIT = "fx_transit"
    PAYOUT_TRANSIT = "payout_transit"
    OTHER_INCOME = "other_income"
    REVENUE = "revenue"


class Side(StrEnum):
    DEBIT = "debit"
    CREDIT = "credit"

    @property
    def opposite(self) -> Side:
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class PostingKind(StrEnum):
    """Which document a posting becomes. The ledger, the UI and the reports group by it."""

    RECEIPT = "receipt"
    RECEIPT_REVERSAL = "receipt_reversal"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    PAYOUT = "payout"
    PAYOUT_REVERSAL = "payout_reversal"
    PAYOUT_REPEAT = "payout_repeat"
    CORRECTION = "correction"
    MANDATE_STATUS = "mandate_status"
    CUSTOMER = "customer"
    COLLECTION = "collection"
    COLLECTION_CANCEL = "collection_cancel"
    GOCARDLESS_CUSTOMER = "gocardless_customer"
    MANDATE_SETUP = "mandate_setup"
    INVOICE_STATUS = "invoice_status"
    SUBSCRIPTION = "subscription"
    SUBSCRIPTION_CHANGE = "subscription_change"
    SALES_INVOICE = "sales_invoice"


#: Kinds without lines: master data written back to the ERP through the same protocol, never a booking.
MASTER_DATA_KINDS = frozenset({PostingKind.MANDATE_STATUS, PostingKind.CUSTOMER})

#: Kinds without lines that are written to GoCardless: collections, subscriptions and their changes, mandate set-ups, what
#: the ERP knows better of a customer.
GOCARDLESS_KINDS = frozenset(
    {
        PostingKind.COLLECTION, PostingKind.COLLECTION_CANCEL, PostingKind.SUBSCRIPTION, PostingKind.SUBSCRIPTION_CHANGE,
        PostingKind.MANDATE_SETUP, PostingKind.GOCARDLESS_CUSTOMER,
    }
)  # fmt: skip

#: Without lines: how an invoice's collection stands, for ERPs that can show it on the receivable (`Traits.kinds` says so).
INVOICE_KINDS = frozenset({PostingKind.INVOICE_STATUS})

#: The invoice that a subscription payment pays, for ERPs that take one from us (`Traits.kinds` says so).
SALES_KINDS = frozenset({PostingKind.SALES_INVOICE})

#: Kinds that are written to every ERP.
ERP_KINDS = frozenset(PostingKind) - GOCARDLESS_KINDS - INVOICE_KINDS - SALES_KINDS

#: Kinds that move a payout's money; they wait for the payout proof.
PAYOUT_KINDS = frozenset({PostingKind.PAYOUT, PostingKind.PAYOUT_REVERSAL, PostingKind.PAYOUT_REPEAT})


@dataclass(frozen=True, slots=True)
class Party:
    """The customer of a line: the GoCardless customer id and, once mapped, the ERP's customer or debtor number."""

    gocardless_customer: str | None
    erp_customer: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One side of the entry: a positive amount on one account role. `text` explains it to an accountant.

    `tax_rate` is GoCardless's tax rate id (`GB_VAT_1`) on input VAT lines and on the net fee lines they belong to.
    """

    role: AccountRole
    side: Side
    amount: Money
    text: str = ""
    party: Party | None = None
    tax_rate: str | None = None

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError(f"a posting line needs a positive amount, not {self.amount} on {self.role}")


@dataclass(frozen=True, slots=True)
class Allocation:
    """How much of a receipt settles which ERP invoice."""

    invoice: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """A balanced journal entry waiting to become an ERP document, or master data to be written back.

    key          unique per connection for ever: `<event id>:<kind>[:<n>]`
    reference    what is written into the ERP document and searched before any repeat: `GC` + event id
    subject      the GoCardless id the document is about (PM…, RF…, PO…, MD…, CU…)
    occurred_at  when GoCardless recorded it (aware UTC)
    booking_date the document's date in the connection's time zone
    invoices     invoice references found on the payment, best first; the ERP side resolves them
    reverses     key of the posting this one takes back; it is sent only after that one is settled
    waits_for    key of a posting this one builds upon: it is sent only after that one is settled, or a person withdrew it
    facts        further values a document may show (mandate reference, scheme, payout reference, cause …)
    """

    key: str
    connection: str
    kind: PostingKind
    event_id: str
    subject: str
    occurred_at: datetime
    booking_date: date
    reference: str
    text: str
    lines: tuple[Line, ...] = ()
    party: Party | None = None
    invoices: tuple[str, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    reverses: str | None = None
    waits_for: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def activity_amount(self) -> Money | None:
        """Sum of the debit lines of the first line's currency: the figure shown for this posting in lists."""
        if not self.lines:
            return None
        currency = self.lines[0].amount.currency
        units = sum(x.amount.minor for x in self.lines if x.side is Side.DEBIT and x.amount.currency == currency)
        return Money(units, currency)


class Unbalanced(ValueError):
    """Debits and credits of a posting differ in some currency."""


def require_balance(posting: Posting) -> None:
    """Raise `Unbalanced` unless debits equal credits in every currency of the posting.

    An FX payout is balanced per currency through `FX_TRANSIT` lines on both sides, so no rate is needed to check it.
    """
    sums: dict[str, int] = {}
    for line in posting.lines:
        sign = 1 if line.side is Side.DEBIT else -1
        sums[line.amount.currency] = sums.get(line.amount.currency, 0) + sign * line.amount.minor
    wrong = {currency: units for currency, units in sums.items() if units}
    if wrong:
        raise Unbalanced(f"posting {posting.key} is out of balance by {wrong} minor units (debit minus credit)")
