"""`connector plan` and `connector subscriptions` where recurring charges are followed: shown before, during and after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_resources.subscriptions.reading import read_recurring_charges
from connector_resources.subscriptions.run import SubscriptionReport, subscribe
from sandbox.sage300.clerk import Clerk
from tests.connector.conftest import Shop
from tests.evenings import DAY, MORNING, evening_sage300, evening_world
from tests.installations import sage300_installation
from tests.merchant import Merchant


@pytest.fixture
def merchant() -> Merchant:
    return Merchant(evening_world(MORNING))


@pytest.fixture
def shop(tmp_path: Path, merchant: Merchant) -> Iterator[Shop]:
    """Two recurring charges: one customer has a mandate, the other is unknown to GoCardless."""
    merchant.mandate(1)
    company = evening_sage300(2, merchant.world.clock)
    for customer in ("10001", "10002"):
        Clerk(company).add_recurring_charge("HOSTING", customer, 2_000, "MONTHLY", EffectiveDate="2026-07-01")
    settings = {"schedules": {"MONTHLY": {"unit": "monthly"}}}
    section = {"enabled": True}
    with sage300_installation(
        tmp_path, merchant.world, company, erp_settings=settings, subscriptions=section
    ) as installation:
        yield Shop(tmp_path, installation)


def run_subscriptions(shop: Shop) -> SubscriptionReport:
    at = shop.installation
    at.run()
    with at.runtime.erp(at.connection) as connector:
        read_recurring_charges(at.runtime.store, "harbour", connector)
    return subscribe(at.runtime, at.connection)


def test_plan_shows_what_would_be_asked_and_which_charges_would_not_be_followed(shop: Shop, merchant: Merchant) -> None:
    planned = shop.json("plan", "harbour", "--day", DAY.isoformat())

    (step,) = planned["subscriptions"]["steps"]
    assert (step["what"], step["subscription"], step["amount_minor"]) == ("create", "HOSTING/10001#1", 2_000)
    (refused,) = planned["subscriptions"]["not_followed"]
    assert (refused["charge"], refused["code"]) == ("HOSTING/10002", "no_gocardless_customer")
    assert [r["path"] for r in planned["requests"] if r["step"] == "create"] == ["/subscriptions"]
    text = shop.ok("plan", "harbour", "--day", DAY.isoformat())
    assert "Would be asked of GoCardless for recurring charges" in text
    assert "Recurring charges that would not be followed" in text
    assert merchant.world.subscriptions.ordered == []
    assert shop.store.subscriptions.all("harbour") == []
    assert shop.store.recurring_charges.read_at("harbour") is None


def test_list_shows_subscriptions_and_reasons(shop: Shop, merchant: Merchant) -> None:
    run_subscriptions(shop)

    shown = shop.json("subscriptions", "list", "harbour")

    (made,) = merchant.world.subscriptions.ordered
    (listed,) = shown["subscriptions"]
    assert (listed["reference"], listed["state"], listed["subscription"]) == ("HOSTING/10001#1", "active", made.id)
    assert [each["code"] for each in shown["not_followed"]] == ["no_gocardless_customer"]
    text = shop.ok("subscriptions", "list", "harbour")
    assert "Not followed as they should be" in text
    assert "0 more things would be asked" in text


def test_again_allows_another_subscription(shop: Shop, merchant: Merchant) -> None:
    run_subscriptions(shop)
    assert "no subscription that ended" in shop.fails(
        "subscriptions", "again", "harbour", "HOSTING/10001", "--note", "n"
    )
    (made,) = merchant.world.subscriptions.ordered
    with merchant.world.lock:
        merchant.world.subscription_states.cancel(made)
    merchant.tick()
    run_subscriptions(shop)

    said = shop.ok("subscriptions", "again", "harbour", "HOSTING/10001", "--note", "agreed by phone")
    assert "after number 1" in said

    run_subscriptions(shop)
    assert [each.status for each in merchant.world.subscriptions.ordered] == ["cancelled", "active"]


def test_a_connection_that_makes_no_subscriptions_says_how_it_could(ran: Any) -> None:
    assert "set subscriptions.enabled" in ran.fails("subscriptions", "list", "nordic")
