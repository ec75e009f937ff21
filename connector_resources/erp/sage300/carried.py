"""What a payout's journal carries in `payout_gl`: one line on the A/R control account for each payment and refund in it.

There a payment becomes no document of its own (section 11), so the journal names every payment with its customer and invoice.
The items come from our own store; only reading them is done here, never a call.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from bookkeeping.entities import PayoutItem
from bookkeeping.money import Money, round_minor
from bookkeeping.payout_proof import FEE_TYPES
from bookkeeping.postings import AccountRole, Posting, PostingKind
from connector_resources.gocardless.wire import payout_item_of
from connector_resources.store.customers import CustomerLink
from connector_resources.store.ledger_reading import LedgerRow

INCOME = "revenue_share"
REFUNDS = frozenset({"refund", "payment_refunded", "refund_funds_returned"})
WORDS = {
    "payment_failed": "FAILED",
    "payment_charged_back": "CHARGEBACK",
    "payment_refunded": "REFUND",
    "refund": "REFUND",
    "refund_funds_returned": "REFUND RETURNED",
}


@dataclass(frozen=True, slots=True)
class Carried:
    """One item. `amount` is positive when it raises the payout; `subject` is the payment's or the refund's id."""

    subject: str
    type: str
    amount: Money
    customer: str = ""
    invoice: str = ""

    @property
    def is_refund(self) -> bool:
        return self.type in REFUNDS

    @property
    def text(self) -> str:
        """`AR 1200 IN0000123`; what is not known is said, so that every line has its invoice or its reason."""
        who, what = self.customer or "NOT LINKED", self.invoice or "NO INVOICE"
        return " ".join(part for part in (f"AR {who} {what}", WORDS.get(self.type, "")) if part)


class Entities(Protocol):
    def payout_items(self, connection: str, payout_id: str) -> list[dict[str, Any]] | None: ...


class Ledger(Protocol):
    def of_subjects(self, connection: str, subjects: Sequence[str]) -> dict[str, list[LedgerRow]]: ...

    def of_day(
        self, connection: str, first_day: date, last_day: date, kinds: Collection[PostingKind] | None = None
    ) -> Iterator[LedgerRow]: ...


class Links(Protocol):
    def get(self, connection: str, ids: Sequence[str]) -> Mapping[str, CustomerLink]: ...


class CarriedItems:
    """Reads the items of one connection's payouts."""

    def __init__(self, connection: str, entities: Entities, ledger: Ledger, links: Links) -> None:
        self._connection = connection
        self._entities = entities
        self._ledger = ledger
        self._links = links

    def of(self, posting: Posting) -> tuple[Carried, ...] | None:
        """What the payout's clearing lines consist of, in GoCardless's order; None when its items were never read.

        Payments that went to suspense, because nothing was ever known of their receipt, are left out as in the posting.
        """
        bodies = self._entities.payout_items(self._connection, posting.subject)
        if bodies is None or not posting.lines:
            return None
        collected = _collected_currency(posting)
        suspended = set(filter(None, posting.facts.get("suspense_payments", "").split(",")))
        items = [payout_item_of(body, collected) for body in bodies]
        moved = [
            item
            for item in items
            if item.type not in FEE_TYPES and item.type != INCOME and item.payment_id not in suspended
        ]
        known = self._known({each for item in moved for each in (item.payment_id, item.refund_id) if each})
        return tuple(_carried(item, collected, known) for item in moved)

    def paid_invoices(self, since: date) -> frozenset[str]:
        """What receipts since that activity day that still stand quote as their invoices.

        The A/R sub-ledger shows these invoices open until staff has matched them.
        """
        quoted: dict[str, tuple[str, ...]] = {}
        taken_back: set[str | None] = set()
        kinds = (PostingKind.RECEIPT, PostingKind.RECEIPT_REVERSAL)
        for row in self._ledger.of_day(self._connection, since, date.max, kinds):
            posting = row.posting
            if posting.kind is PostingKind.RECEIPT:
                quoted[posting.key] = (*posting.invoices, *(each.invoice for each in posting.allocations))
            else:
                taken_back.add(posting.reverses)
        standing = (invoices for key, invoices in quoted.items() if key not in taken_back)
        return frozenset(coarse(invoice) for invoices in standing for invoice in invoices)

    def _known(self, subjects: Collection[str]) -> dict[str, tuple[str, str]]:
        """Payment or refund -> customer number and invoice, from what was booked or settled for it."""
        rows = self._ledger.of_subjects(self._connection, sorted(subjects))
        postings = {subject: found[-1].posting for subject, found in rows.items()}
        ids = sorted({p.party.gocardless_customer or "" for p in postings.values() if p.party} - {""})
        links = self._links.get(self._connection, ids)
        numbers = {key: link.erp_customer for key, link in links.items()}
        return {subject: (_customer(posting, numbers), _invoice(posting)) for subject, posting in postings.items()}


def coarse(reference: str) -> str:
    """A reference without case, blanks and punctuation: payers do not copy them faithfully."""
    return re.sub(r"[\W_]", "", reference).casefold()


def movements(items: Iterable[Carried], currency: str) -> Money:
    """By how much the items together raise the payout."""
    return Money(sum(item.amount.minor for item in items), currency)


def _carried(item: PayoutItem, currency: str, known: Mapping[str, tuple[str, str]]) -> Carried:
    subject = (item.refund_id if item.type in REFUNDS else None) or item.payment_id or item.refund_id or ""
    customer, invoice = known.get(subject) or known.get(item.payment_id or "") or ("", "")
    return Carried(subject, item.type, round_minor(Decimal(item.amount), currency), customer, invoice)


def _collected_currency(posting: Posting) -> str:
    """The currency of the clearing lines; of the first line where there are none."""
    clearing = [line for line in posting.lines if line.role is AccountRole.CLEARING]
    return (clearing or list(posting.lines))[0].amount.currency


def _customer(posting: Posting, numbers: Mapping[str, str]) -> str:
    party = posting.party
    return (party.erp_customer or numbers.get(party.gocardless_customer or "") or "") if party else ""


def _invoice(posting: Posting) -> str:
    return posting.allocations[0].invoice if posting.allocations else next(iter(posting.invoices), "")
