"""A customer that only the ERP knows: one registration for ever, and none for whoever may be known already."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.customer_rules import CustomerDetails
from bookkeeping.entities import Customer
from bookkeeping.postings import PostingKind
from bookkeeping.registration_rules import Strangers, is_registration, plan_registration
from bookkeeping.settings import BookSettings

BOOKS = BookSettings("polder", ZoneInfo("Europe/Amsterdam"), date(2026, 1, 1))
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
DETAILS = CustomerDetails("Bakker B.V.", "post@bakker.example", city="Utrecht")


def test_the_posting_carries_what_gocardless_is_told_and_its_key_is_the_customers() -> None:
    first = plan_registration("10001", DETAILS, "customer_number", BOOKS, NOON)
    later = plan_registration("10001", CustomerDetails("Bakker"), "customer_number", BOOKS, NOON + timedelta(days=9))
    assert (first.kind, first.key) == (PostingKind.GOCARDLESS_CUSTOMER, later.key)
    assert is_registration(first)
    assert {name: first.facts[name] for name in ("name", "email", "city", "metadata_key", "metadata_value")} == {
        "name": "Bakker B.V.", "email": "post@bakker.example", "city": "Utrecht",
        "metadata_key": "customer_number", "metadata_value": "10001",
    }  # fmt: skip
    assert "address_line1" not in first.facts


@pytest.mark.parametrize(
    ("details", "known"),
    [
        (DETAILS, True),
        (CustomerDetails("Somebody", " POST@bakker.example"), True),
        (CustomerDetails("bakker b.v.", "other@example.com"), True),
        (CustomerDetails("Bakker", "other@example.com"), False),
        (CustomerDetails("", "other@example.com"), False),
    ],
)
def test_whoever_shares_an_email_or_name_with_an_unlinked_customer_may_be_known(
    details: CustomerDetails, known: bool
) -> None:
    strangers = Strangers(
        [
            Customer("CU1", NOON, company_name="Bakker B.V.", email="post@bakker.example", metadata={}),
            Customer("CU2", NOON, company_name=None, email=None, metadata={}),
        ]
    )
    assert strangers.may_hold(details) is known
