"""Collections as postings: a payment to be taken from a mandate, and its cancellation. They book nothing themselves.

The money is booked by the receipt that follows from GoCardless's events. Whether an invoice is to be collected, and when, is
decided elsewhere. Source: gocardless.md section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bookkeeping.drafting import posting_text
from bookkeeping.money import Money
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day

#: how many characters a metadata value may have (gocardless.md section 0, fact 17).
METADATA_VALUE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class CollectionOrder:
    """What is to be collected: a positive amount from one mandate.

    reference          our own, unique per connection; kept in the payment's metadata and searched before any repeat
    charge_date        the day asked for; None leaves it to GoCardless, which takes the earliest possible one
    payment_reference  shown on the payer's bank statement, where the scheme allows it (section 3.4)
    """

    reference: str
    mandate: str
    amount: Money
    charge_date: date | None = None
    description: str = ""
    payment_reference: str = ""
    retry_if_possible: bool = False

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError(f"a collection needs a positive amount, not {self.amount} for {self.reference}")
        if not self.reference or len(self.reference) > METADATA_VALUE_LIMIT:
            raise ValueError(f"a collection needs a reference of 1 to {METADATA_VALUE_LIMIT} characters")
        if not self.mandate:
            raise ValueError(f"collection {self.reference} needs a mandate")


def plan_collection(
    order: CollectionOrder,
    settings: BookSettings,
    at: datetime,
    *,
    party: Party | None = None,
    invoices: tuple[str, ...] = (),
) -> Posting:
    """The COLLECTION posting of `order`, one per reference for ever. `at` is the moment of the plan (aware UTC)."""
    facts = {
        "mandate": order.mandate,
        "amount_minor": str(order.amount.minor),
        "currency": order.amount.currency,
        "charge_date": order.charge_date.isoformat() if order.charge_date else "",
        "description": order.description,
        "payment_reference": order.payment_reference,
        "retry_if_possible": "true" if order.retry_if_possible else "",
    }
    key = f"{PostingKind.COLLECTION}:{order.reference}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.COLLECTION,
        event_id=key,
        subject=order.mandate,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=order.reference,
        text=posting_text("Collection from", order.mandate, str(order.amount), *invoices),
        party=party,
        invoices=invoices,
        facts={name: value for name, value in facts.items() if value},
    )


def order_of(posting: Posting) -> CollectionOrder:
    """The order a COLLECTION posting carries. Raises `KeyError` or `ValueError` when it is not whole."""
    facts = posting.facts
    charge_date = facts.get("charge_date")
    return CollectionOrder(
        reference=posting.reference,
        mandate=facts["mandate"],
        amount=Money(int(facts["amount_minor"]), facts["currency"]),
        charge_date=date.fromisoformat(charge_date) if charge_date else None,
        description=facts.get("description", ""),
        payment_reference=facts.get("payment_reference", ""),
        retry_if_possible=facts.get("retry_if_possible") == "true",
    )


def plan_collection_cancel(collection: Posting, settings: BookSettings, at: datetime, why: str) -> Posting:
    """Takes `collection` back: sent only after it was, and possible only until GoCardless submits it to the bank."""
    key = f"{PostingKind.COLLECTION_CANCEL}:{collection.reference}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.COLLECTION_CANCEL,
        event_id=key,
        subject=collection.subject,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=f"{collection.reference}/cancel",
        text=posting_text("Cancel collection from", collection.subject, why),
        party=collection.party,
        invoices=collection.invoices,
        reverses=collection.key,
        facts={"why": why} if why else {},
    )
