"""Answers have exactly the keys of GoCardless's own sample payloads, at every depth."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.gocardless.settlement import PriceList, TaxOnFees

SAMPLES = Path(__file__).parents[2] / "data" / "gocardless-samples"

#: Objects whose keys appear only when they have a value, so that ours must be among the sample's.
_SPARSE = frozenset({"links", "details"})
#: Objects whose keys are the merchant's or the payer's own.
_FREE = frozenset({"metadata", "resource_metadata", "payment_errors", "prefilled_customer", "prefilled_bank_account"})


def sample(resource: str, call: str) -> Any:
    body = json.loads((SAMPLES / f"{resource}.json").read_text())[call]["body"]
    found = body[resource]
    return found[0] if isinstance(found, list) else found


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where the keys differ; null stands for anything, and so does an empty list."""
    name = at.rsplit(".", 1)[-1]
    if ours is None or name in _FREE:
        return []
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{at}: not an object"]
        extra = [f"{at}.{key}: not in the sample" for key in ours.keys() - theirs.keys()]
        missing = [] if name in _SPARSE else [f"{at}.{key}: missing" for key in theirs.keys() - ours.keys()]
        inside = [
            line for key in ours.keys() & theirs.keys() for line in differences(ours[key], theirs[key], f"{at}.{key}")
        ]
        return sorted(extra + missing + inside)
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{at}: not a list"]
        return [line for entry in ours for line in differences(entry, theirs[0], f"{at}[]")] if theirs else []
    return (
        [] if type(ours) is type(theirs) else [f"{at}: {type(ours).__name__}, the sample has {type(theirs).__name__}"]
    )


@pytest.fixture
def rich(api: Any) -> Any:
    """One of everything: a converted, taxed, paid out payment with a refund, a subscription, instalments, a billing request."""
    world = api.world
    world.creditors.remove(world.creditors.ordered[0])
    tax = TaxOnFees("GB_VAT_1", Decimal("0.2"), "GBP")
    world.builder.creditor("Rich", "GB", accounts=("EUR",), fx_payout_currency="EUR", prices=PriceList(tax=tax))
    api.rich_mandate = api.mandate("bacs")
    api.rich_payment = api.payment(api.rich_mandate, amount=50_000)
    api.until("2026-06-08T12:00:00Z")
    links = {"payment": api.rich_payment["id"]}
    api.rich_refund = api.made("refunds", amount=100, total_amount_confirmation=100, links=links)
    api.until("2026-06-12T20:00:00Z")
    return api


RESOURCES: dict[str, Callable[[Any], Any]] = {
    "creditors": lambda api: api.get("/creditors").json()["creditors"][0],
    "customers": lambda api: api.get("/customers").json()["customers"][0],
    "customer_bank_accounts": lambda api: api.get("/customer_bank_accounts").json()["customer_bank_accounts"][0],
    "mandates": lambda api: api.one("mandates", api.rich_mandate["id"]),
    "payments": lambda api: api.one("payments", api.rich_payment["id"]),
    "payouts": lambda api: api.get("/payouts").json()["payouts"][0],
    "refunds": lambda api: api.one("refunds", api.rich_refund["id"]),
    "balances": lambda api: _balance(api),
    "tax_rates": lambda api: api.get("/tax_rates").json()["tax_rates"][0],
}


def _balance(api: Any) -> Any:
    api.simulated("payment_submitted", api.payment(api.rich_mandate)["id"])
    creditor = api.get("/creditors").json()["creditors"][0]["id"]
    return api.get("/balances", creditor=creditor).json()["balances"][0]


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_a_resource_has_the_keys_of_its_sample(rich: Any, resource: str) -> None:
    assert differences(RESOURCES[resource](rich), sample(resource, "list")) == []


def test_every_payout_item_has_the_keys_of_its_sample(rich: Any) -> None:
    lines = rich.items(rich.get("/payouts").json()["payouts"][0]["id"])
    assert {line["type"] for line in lines} == {"payment_paid_out", "payment_refunded", "gocardless_fee"}
    assert [differences(line, sample("payout_items", "list")) for line in lines] == [[]] * len(lines)


def test_every_event_has_the_keys_of_its_sample(rich: Any) -> None:
    rows = rich.get("/events", limit=500).json()["events"]
    assert len(rows) > 10
    assert [line for row in rows for line in differences(row, sample("events", "list"))] == []


def test_subscriptions_and_instalments_have_the_keys_of_their_samples(rich: Any) -> None:
    links = {"mandate": rich.rich_mandate["id"]}
    subscription = rich.made("subscriptions", amount=100, currency="GBP", interval_unit="monthly", links=links)
    assert differences(subscription, sample("subscriptions", "create")) == []
    parts = [{"amount": 100, "charge_date": "2026-07-01"}]
    fields = {"name": "X", "currency": "GBP", "total_amount": 100, "instalments": parts, "links": links}
    schedule = rich.made("instalment_schedules", **fields)
    assert differences(schedule, sample("instalment_schedules", "create_with_dates")) == []


def test_billing_requests_and_flows_have_the_keys_of_their_samples(rich: Any) -> None:
    wishes = {
        "mandate_request": {"scheme": "bacs"},
        "payment_request": {"amount": 1, "currency": "GBP", "description": "D"},
    }
    request = rich.made("billing_requests", **wishes, links={"customer": rich.customer()["id"]})
    path = f"/billing_requests/{request['id']}/actions/collect_bank_account"
    details = {"country_code": "GB", "branch_code": "200000", "account_number": "55779911"}
    full = rich.post(path, {"data": details}).json()["billing_requests"]
    assert full["resources"]["customer_bank_account"] is not None
    assert differences(full, sample("billing_requests", "create")) == []
    flow = rich.made("billing_request_flows", links={"billing_request": request["id"]})
    assert differences(flow, sample("billing_request_flows", "create")) == []


def test_a_list_has_the_envelope_of_its_sample(rich: Any) -> None:
    body = rich.get("/payments").json()
    theirs = json.loads((SAMPLES / "payments.json").read_text())["list"]["body"]
    assert body.keys() == theirs.keys()
    assert differences(body["meta"], theirs["meta"]) == []


def test_the_comparison_itself_notices_a_missing_and_an_extra_key(rich: Any) -> None:
    payment = rich.one("payments", rich.rich_payment["id"])
    wrong = {**payment, "colour": "red"}
    del wrong["scheme"]
    assert differences(wrong, sample("payments", "get")) == [".colour: not in the sample", ".scheme: missing"]
