"""Corrections at every ledger: a receipt on the wrong customer is taken back there and booked on the right one, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookkeeping.correction_rules import Correction
from connector_resources.errors import IllegalTransition
from connector_resources.posting.correcting import correct
from connector_resources.posting.planning import Scope
from connector_resources.proofs import proofs
from sandbox.gocardless.records import Record
from tests.sites import DAY, LAST, Site, sage300_site

AMOUNT, OTHER = 10_000, 7_000
MONTH = Scope(DAY, LAST, only_new=False)


@pytest.fixture(params=["visma", "datev", "exact_online", "sage300", "ifs_cloud"])
def site(request: pytest.FixtureRequest) -> Site:
    return request.getfixturevalue(request.param)


def receipt_of(site: Site, payment: Record) -> str:
    """Key of the payment's newest receipt."""
    rows = site.at.runtime.store.ledger.of_subjects(site.name, [payment.id])[payment.id]
    return [row.posting.key for row in rows if row.posting.kind == "receipt"][-1]


def payer(site: Site, number: int) -> str:
    return str(site.merchant.mandate(number).body["links"]["customer"])


def number_of(site: Site, customer: str) -> str:
    return site.at.runtime.store.customers.get(site.name, [customer])[customer].erp_customer


def owed(site: Site, number: str) -> int:
    """What the ERP's own books have on the customer or debtor, minor units."""
    own = number.rpartition(":")[2]
    found = [minor for name, minor in site.ledger_balances().items() if own in name.split()[1:2]]
    return sum(found)


def make(site: Site, key: str) -> Correction:
    """A person corrects the receipt."""
    runtime = site.at.runtime
    settings = site.at.connection.book_settings
    return correct(runtime.store, settings, key, by="Ada", note="wrong payer", clock=runtime.clock)


def link(site: Site, customer: str, number: str) -> None:
    site.at.runtime.store.customers.replace(site.name, customer, number, by="Ada", note="wrong payer")


def findings(site: Site) -> list[str]:
    """What the checks of the UI say after all."""
    runtime, connection = site.at.runtime, site.at.connection
    checks = (
        proofs.payouts_proven, proofs.balanced_postings, proofs.nothing_missed, proofs.nothing_unposted,
        proofs.clearing_balance, proofs.erp_agrees, proofs.trail_verifies,
    )  # fmt: skip
    return [row.message for check in checks for row in check(runtime, connection, MONTH).rows]


def test_a_receipt_is_moved_to_the_right_customer_and_what_follows_meets_it_there(site: Site) -> None:
    payment, _ = site.merchant.collected(AMOUNT, customer=1), site.merchant.collected(OTHER, customer=2)
    site.run()
    wrong, right = number_of(site, payer(site, 1)), number_of(site, payer(site, 2))
    assert (owed(site, wrong), owed(site, right)) == (-AMOUNT, -OTHER)
    link(site, payer(site, 1), right)

    made = make(site, receipt_of(site, payment))

    assert (site.run().held, site.unfinished()) == ([], {})
    assert (owed(site, wrong), owed(site, right), site.clearing()) == (0, -AMOUNT - OTHER, AMOUNT + OTHER)
    assert findings(site) == []
    sent, documents = site.writes(), site.documents()
    site.run()
    assert (site.writes(), site.documents()) == (sent, documents)
    assert receipt_of(site, payment) == made.booked.key

    site.merchant.pay_out()
    site.merchant.charge_back(payment)
    site.run()

    assert (site.unfinished(), owed(site, wrong), owed(site, right)) == ({}, 0, -OTHER)
    assert site.clearing() == -AMOUNT, "the chargeback is taken from the next payout"
    assert findings(site) == []


def test_a_second_correction_takes_the_first_one_back(site: Site) -> None:
    payment = site.merchant.collected(AMOUNT, customer=1)
    for customer in (2, 3):
        site.merchant.collected(OTHER, customer=customer)
    site.run()
    first, second, third = (number_of(site, payer(site, n)) for n in (1, 2, 3))
    for number in (second, third):
        link(site, payer(site, 1), number)
        make(site, receipt_of(site, payment))
        assert (site.run().held, site.unfinished()) == ([], {})

    assert (owed(site, first), owed(site, second), owed(site, third)) == (0, -OTHER, -AMOUNT - OTHER)
    assert receipt_of(site, payment).endswith("-C2:receipt")
    assert findings(site) == []


def test_a_chargeback_goes_to_the_customer_that_the_receipt_was_booked_on(site: Site) -> None:
    """The link was replaced and the receipt left where it is: taken back is what was booked."""
    payment, _ = site.merchant.collected(AMOUNT, customer=1), site.merchant.collected(OTHER, customer=2)
    site.run()
    wrong, right = number_of(site, payer(site, 1)), number_of(site, payer(site, 2))
    link(site, payer(site, 1), right)

    site.merchant.charge_back(payment)
    site.run()

    assert (site.unfinished(), owed(site, wrong), owed(site, right)) == ({}, 0, -OTHER)


def refused(site: Site, key: str) -> str:
    head = site.at.runtime.store.trail.head(site.name)
    with pytest.raises(IllegalTransition) as refusal:
        make(site, key)
    assert site.at.runtime.store.trail.head(site.name) == head, "nothing was written"
    assert refusal.value.next_step
    return str(refusal.value)


def test_what_cannot_be_corrected_is_refused_before_anything_is_written(visma: Site) -> None:
    payment = visma.merchant.collected(AMOUNT, customer=1)
    visma.merchant.collected(OTHER, customer=2)
    payout = visma.merchant.pay_out()
    visma.at.read(MONTH)
    visma.at.plan(MONTH)
    key = receipt_of(visma, payment)
    assert "is pending, so nothing is booked" in refused(visma, key)
    visma.run()

    assert "nothing would change" in refused(visma, key)
    assert "is not known" in refused(visma, "EV0:receipt")
    (journal,) = visma.at.runtime.store.ledger.of_subjects(visma.name, [payout.id])[payout.id]
    assert "is a payout; only receipts are corrected" in refused(visma, journal.posting.key)
    link(visma, payer(visma, 1), number_of(visma, payer(visma, 2)))
    made = make(visma, key)
    assert f"was taken back already, by {made.reversal.key}" in refused(visma, key)
    assert "is pending" in refused(visma, made.booked.key)


def test_a_failure_that_was_decided_before_the_correction_is_not_planned_beside_it(visma: Site) -> None:
    """The planner looked before the person corrected, and writes after: it is refused, and the next run is right."""
    payment = visma.merchant.collected(AMOUNT, customer=1)
    visma.merchant.collected(OTHER, customer=2)
    visma.run()
    wrong, right = number_of(visma, payer(visma, 1)), number_of(visma, payer(visma, 2))
    link(visma, payer(visma, 1), right)
    visma.merchant.charge_back(payment)
    visma.at.read(MONTH)
    planner = visma.at.runtime.planner(visma.at.connection, record=False)
    planner.plan_payments(MONTH)
    (reversal,) = planner.dry_postings

    make(visma, receipt_of(visma, payment))
    with pytest.raises(IllegalTransition, match=r"was taken back by .*-R1:receipt_reversal already"):
        visma.at.runtime.store.ledger.plan(visma.name, [reversal])

    visma.run()
    assert (visma.unfinished(), owed(visma, wrong), owed(visma, right)) == ({}, 0, -OTHER)
    assert (visma.clearing(), findings(visma)) == (OTHER, [])


def test_a_receipt_whose_journal_carries_it_has_nothing_to_correct(tmp_path: Path) -> None:
    with sage300_site(tmp_path, erp_settings={"mode": "payout_gl"}) as site:
        payment, _ = site.merchant.collected(AMOUNT, customer=1), site.merchant.collected(OTHER, customer=2)
        site.run()
        link(site, payer(site, 1), number_of(site, payer(site, 2)))
        assert "has no document of its own" in refused(site, receipt_of(site, payment))
