"""A customer that only the ERP knows is registered at GoCardless: the posting, and who is left to a person. No I/O.

Source: exact_online.md section 11, row "customer created in Exact"; gocardless.md section 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bookkeeping.customer_rules import CustomerDetails
from bookkeeping.drafting import posting_text
from bookkeeping.entities import Customer
from bookkeeping.matching import normalised_name
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day

NEW = "new"


def is_registration(posting: Posting) -> bool:
    """Whether a GOCARDLESS_CUSTOMER posting makes a customer and does not change one."""
    return bool(posting.facts.get(NEW))


def registration_key(number: str) -> str:
    """One registration per ERP customer, for ever."""
    return f"{PostingKind.GOCARDLESS_CUSTOMER}:{NEW}:{number}"


class Strangers:
    """GoCardless customers that nobody has linked yet: whoever might be one of them is not registered a second time."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        known = list(customers)
        self._emails = {(each.email or "").strip().casefold() for each in known} - {""}
        self._names = {normalised_name(each.name) for each in known} - {""}

    def may_hold(self, details: CustomerDetails) -> bool:
        return details.email.strip().casefold() in self._emails or normalised_name(details.name) in self._names


def plan_registration(
    number: str, details: CustomerDetails, metadata_key: str, settings: BookSettings, at: datetime
) -> Posting:
    """The GOCARDLESS_CUSTOMER posting that makes ERP customer `number` known. `at` is the moment of the plan (aware UTC)."""
    key = registration_key(number)
    facts = {
        NEW: "true",
        "erp_customer": number,
        "metadata_key": metadata_key,
        "metadata_value": number,
        **details.as_mapping(),
    }
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.GOCARDLESS_CUSTOMER,
        event_id=key,
        subject=number,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=f"GCnew:{number}",
        text=posting_text("Register customer", number, details.name),
        party=Party(None, number, details.name),
        facts={name: value for name, value in facts.items() if value},
    )
