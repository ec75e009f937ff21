"""What the page about uncertain postings says to decide, done through the commands at the stand-in of Visma.net."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.visma.records import Payment
from tests.runbook.exercise import AMOUNT, Person
from tests.sites import Site, visma_site

CREATE = r"/v1/customerPayment$"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with visma_site(tmp_path) as opened:
        yield opened


def typed_by_a_clerk(site: Site, reference: str, amount_minor: int = AMOUNT) -> Payment:
    company = site.company
    with company.lock:
        today = company.clock.now().date()
        payment = Payment(
            **company.stamps(), type="Payment", number=company.next_number("payment"), customer="10001", method="GC",
            cash_account="1985", currency="EUR", amount_minor=amount_minor, dated=today, applied_on=today,
            period="202606", reference=reference, rate=Decimal(1),
        )  # fmt: skip
        company.store_payment(payment)
    return payment


def uncertain(site: Site, *, arrived: bool, typed_minor: int) -> tuple[str, Payment]:
    """A receipt whose answer was lost, and a payment of the same reference beside it: the posting and that payment."""
    payment = site.merchant.collected(AMOUNT)
    typed = typed_by_a_clerk(site, payment.id, typed_minor)
    site.break_next("drop_after" if arrived else "drop_before", CREATE)
    site.run()
    (row,) = Person(site).held()
    assert row["code"] == "cannot_tell"
    assert typed.number in row["next_step"], "it says where to look"
    return row["posting"], typed


def released(site: Site, key: str) -> int:
    """How many creations of receipts the run after the release sent."""
    Person(site).types("release", site.name, key, "--note", "looked at it")
    before = creations(site)
    site.run()
    assert site.unfinished() == {}
    assert site.trail_is_whole()
    return creations(site) - before


def creations(site: Site) -> int:
    return sum(path.endswith("/v1/customerPayment") for _, path in site.writes())


def test_there_once_and_right_it_is_adopted_and_nothing_is_sent(site: Site) -> None:
    """The clerk's payment had a wrong amount; it was corrected and is the right document now."""
    key, typed = uncertain(site, arrived=False, typed_minor=AMOUNT - 1)
    typed.amount_minor = AMOUNT

    assert released(site, key) == 0

    assert (len(site.company.payments), site.clearing()) == (1, AMOUNT)


def test_there_twice_one_is_removed_and_the_other_adopted(site: Site) -> None:
    key, typed = uncertain(site, arrived=True, typed_minor=AMOUNT)
    site.company.clerk.delete_payment(typed.number)

    assert released(site, key) == 0

    assert (len(site.company.payments), site.clearing()) == (1, AMOUNT)


def test_not_there_the_same_bytes_are_sent_again(site: Site) -> None:
    key, typed = uncertain(site, arrived=False, typed_minor=AMOUNT - 1)
    (first,) = site.at.runtime.store.submissions.of_posting(site.name, key)
    site.company.clerk.delete_payment(typed.number)

    assert released(site, key) == 1

    again = site.at.runtime.store.submissions.of_posting(site.name, key)[0]
    assert again.planned.sha256 == first.planned.sha256
    assert (len(site.company.payments), site.clearing()) == (1, AMOUNT)


def test_booked_by_hand_it_is_withdrawn_and_never_sent(site: Site) -> None:
    key, _ = uncertain(site, arrived=False, typed_minor=AMOUNT - 1)
    sent = creations(site)
    Person(site).types("withdraw", site.name, key, "--note", "booked by hand as 2041")

    site.run()

    assert (creations(site), site.unfinished(), len(site.company.payments)) == (sent, {}, 1)
    row = site.at.runtime.store.ledger.get(site.name, key)
    assert row is not None
    assert row.state == "withdrawn"
