"""What Exact Online's open items are not collected for: told by the plan, by the run and by the overview alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connector_resources.collections.overview import overview, why_not
from connector_resources.erp.exact_online.resource import token_shelf
from connector_resources.errors import WrongCompany
from connector_resources.posting.dry_run import DryRun, dry_run
from connector_resources.posting.planning import Scope
from tests.polder import DAY, LAST

INVOICE = "20260001"


def other_currency(polder: Any) -> None:
    polder.merchant.mandate(1)
    polder.division.add_invoice(int(INVOICE), "10001", 12_100, "GBP", dated=DAY - timedelta(days=14), due=DAY)


def no_mandate(polder: Any) -> None:
    """A payer whom GoCardless knows, and who never signed up."""
    world = polder.merchant.world
    with world.lock:
        world.builder.customer({"company_name": "Load Customer 1", "country_code": "DE"}, {"customer_number": "10001"})
    polder.due(int(INVOICE))


def unknown_to_gocardless(polder: Any) -> None:
    polder.due(int(INVOICE))


def cancelled_mandate(polder: Any) -> None:
    polder.merchant.cancel_mandate(polder.merchant.mandate(1))
    polder.due(int(INVOICE))


def over_the_limit(polder: Any) -> None:
    polder.merchant.mandate(1)
    polder.due(int(INVOICE), 600_000)


def negative_amount(polder: Any) -> None:
    """A credit note that is open by itself: there is nothing to collect."""
    polder.merchant.mandate(1)
    polder.due(int(INVOICE), -12_100)


def less_open_than_credit(polder: Any) -> None:
    polder.merchant.mandate(1)
    polder.due(int(INVOICE))
    polder.due(20260002, -20_000)


def duplicate_customer(polder: Any) -> None:
    """A payer who signed up twice: two GoCardless customers with a mandate for one customer in Exact."""
    polder.merchant.mandate(1)
    polder.merchant.mandate(9, customer_number="10001")
    polder.due(int(INVOICE))


CASES: dict[str, tuple[Callable[[Any], None], str]] = {
    "other currency": (other_currency, "currency_mismatch"),
    "no mandate": (no_mandate, "no_mandate"),
    "unknown to GoCardless": (unknown_to_gocardless, "no_gocardless_customer"),
    "cancelled mandate": (cancelled_mandate, "mandate_not_usable"),
    "over the limit": (over_the_limit, "over_limit"),
    "negative amount": (negative_amount, "not_an_invoice"),
    "less open than credit": (less_open_than_credit, "covered_by_credit"),
    "duplicate customer": (duplicate_customer, "duplicate_customer"),
}


def planned(polder: Any) -> DryRun:
    """What `connector plan` shows."""
    return dry_run(polder.runtime, polder.connection, Scope(DAY, LAST, only_new=False))


@pytest.mark.parametrize("case", list(CASES))
def test_an_item_that_cannot_be_collected_has_a_reason_everywhere(polder: Any, case: str) -> None:
    prepare, code = CASES[case]
    prepare(polder)
    collections = planned(polder).collections
    assert collections is not None
    assert {each.invoice.number: each.code for each in collections.not_eligible}[INVOICE] == code
    assert collections.orders == ()

    report = polder.run()

    assert polder.reasons(report)[INVOICE] == code
    assert (report.orders, report.held, report.stopped_because) == ((), [], "")
    assert polder.merchant.world.payments.ordered == []
    shown = overview(polder.runtime.store, polder.connection, polder.runtime.clock())
    assert shown.due == 0
    if code == "not_an_invoice":
        assert [each.invoice for each in shown.why_not] == []
        return
    (line,) = [each for each in shown.why_not if each.invoice == INVOICE]
    assert (line.code, bool(line.reason), line.customer) == (code, True, "10001")
    assert line == next(each for each in why_not(report.not_eligible) if each.invoice == INVOICE)


def test_the_wrong_division_stops_everything_with_the_connection_and_what_to_do(open_polder: Any) -> None:
    with open_polder(erp={"division": 4009999}) as polder:
        polder.merchant.mandate(1)
        polder.due(int(INVOICE))
        for attempt in (lambda: planned(polder), polder.run):
            with pytest.raises(WrongCompany, match=r"\[polder\].*cannot see division 4009999.*correct division"):
                attempt()
        assert polder.merchant.world.payments.ordered == []
        assert polder.writes() == 0


def test_what_gocardless_refuses_is_held_with_the_reason(open_polder: Any) -> None:
    with open_polder(
        world={"enforce_amount_limits": True},
        collections={"enabled": True, "limits": {"EUR": {"largest": 9_000}}},
    ) as polder:
        polder.merchant.mandate(1)
        polder.due(int(INVOICE), 600_000)

        assert [hold.code for hold in polder.run().held] == ["validation_failed"]

        assert polder.reasons(polder.run()) == {INVOICE: "collection_held"}
        (line,) = overview(polder.runtime.store, polder.connection, polder.runtime.clock()).why_not
        assert (line.code, bool(line.next_step)) == ("collection_held", True)


def test_a_plan_that_needs_a_new_token_leaves_it_to_everybody(polder: Any) -> None:
    """The refresh token is used up by it: in a store that is thrown away the connection would be lost."""
    shelf = token_shelf(polder.runtime.context(polder.connection))
    before = shelf.read()
    polder.merchant.tick(timedelta(seconds=700))
    planned(polder)
    after = shelf.read()
    assert before is not None
    assert after is not None
    assert after.refresh_token != before.refresh_token
    polder.merchant.tick(timedelta(seconds=700))
    with polder.runtime.erp(polder.connection) as connector:
        assert connector.ping().lines[1].ok
