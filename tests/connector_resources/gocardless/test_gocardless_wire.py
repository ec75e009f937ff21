"""The models lose nothing of GoCardless's own sample payloads, and bookkeeping's types hold what they say."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.entities import Event, Fx, PayoutItem, Tax
from bookkeeping.money import Money
from connector_resources.errors import BadAnswer
from connector_resources.gocardless.wire import (
    MODELS,
    creditor_of,
    customer_of,
    event_of,
    mandate_of,
    payment_of,
    payout_item_of,
    payout_of,
    refund_of,
    subscription_of,
    validate_page,
)

SAMPLES = Path(__file__).parents[2] / "data" / "gocardless-samples"
READERS = {
    "creditors": creditor_of,
    "customers": customer_of,
    "events": event_of,
    "mandates": mandate_of,
    "payments": payment_of,
    "payouts": payout_of,
    "refunds": refund_of,
    "subscriptions": subscription_of,
}


def samples() -> list[Any]:
    """Every resource in every call of every sample file, as (file, call, place, body)."""
    found = []
    for file in sorted(SAMPLES.glob("*.json")):
        for call, recorded in json.loads(file.read_text()).items():
            resources = (recorded["body"] or {}).get(file.stem, [])
            listed = resources if isinstance(resources, list) else [resources]
            found += [pytest.param(file.stem, body, id=f"{file.stem}-{call}-{n}") for n, body in enumerate(listed)]
    return found


def test_every_sample_file_has_a_model() -> None:
    assert {file.stem for file in SAMPLES.glob("*.json")} == set(MODELS)
    assert len(samples()) > 70


@pytest.mark.parametrize(("resource_type", "body"), samples())
def test_a_sample_comes_out_as_it_went_in(resource_type: str, body: dict[str, Any]) -> None:
    (model,) = validate_page(resource_type, [body])
    assert model.body() == body


@pytest.mark.parametrize(("resource_type", "body"), samples())
def test_a_field_of_the_future_is_kept(resource_type: str, body: dict[str, Any]) -> None:
    grown = {**body, "new_thing": {"a": [1, "2.50", None]}, "links": {**body.get("links", {}), "new_link": "XX1"}}
    (model,) = validate_page(resource_type, [grown])
    assert model.body() == grown


@pytest.mark.parametrize(("resource_type", "body"), samples())
def test_both_ways_into_bookkeeping_agree(resource_type: str, body: dict[str, Any]) -> None:
    (model,) = validate_page(resource_type, [body])
    if resource_type in READERS:
        assert model.to_entity() == READERS[resource_type](body)  # type: ignore[attr-defined]
        assert READERS[resource_type](body).id == body["id"]  # type: ignore[attr-defined]
    elif resource_type == "payout_items":
        assert model.to_entity("EUR") == payout_item_of(body, "EUR")  # type: ignore[attr-defined]


def payment(**fields: Any) -> dict[str, Any]:
    body = {
        "id": "PM1",
        "created_at": "2026-03-02T09:15:30.125Z",
        "amount": 1234,
        "currency": "GBP",
        "status": "paid_out",
    }
    return body | fields


def test_a_payment_becomes_money_and_dates() -> None:
    fx = {"fx_currency": "EUR", "fx_amount": 1150, "exchange_rate": "1.1234567890", "estimated_exchange_rate": None}
    read = payment_of(payment(fx=fx, charge_date="2026-03-04", amount_refunded=34, links={"mandate": "MD1"}))
    assert read.amount == Money(1234, "GBP")
    assert read.amount_refunded == Money(34, "GBP")
    assert read.charge_date == date(2026, 3, 4)
    assert read.created_at == datetime(2026, 3, 2, 9, 15, 30, 125000, tzinfo=UTC)
    assert read.fx == Fx("EUR", None, Decimal("1.1234567890"), Money(1150, "EUR"))
    assert (read.mandate_id, read.payout_id) == ("MD1", None)


def test_absent_and_null_mean_the_same() -> None:
    nulls = {"fx": None, "links": None, "metadata": None, "amount_refunded": None, "charge_date": None}
    assert payment_of(payment(**nulls)) == payment_of(payment())
    assert payment_of(payment(fx={"fx_currency": None, "fx_amount": None})).fx is None


def test_an_event_keeps_its_cause_and_its_text_links() -> None:
    body = {
        "id": "EV1",
        "created_at": "2026-03-02T10:00:00+01:00",
        "resource_type": "payments",
        "action": "failed",
        "details": {"cause": "insufficient_funds", "reason_code": "AM04", "will_attempt_retry": True, "origin": "bank"},
        "links": {"payment": "PM1", "others": ["PM2"]},
    }
    assert event_of(body) == Event(
        id="EV1",
        created_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
        resource_type="payments",
        action="failed",
        links={"payment": "PM1"},
        cause="insufficient_funds",
        reason_code="AM04",
        origin="bank",
        will_attempt_retry=True,
    )


def test_a_payout_item_keeps_its_half_penny() -> None:
    body = {
        "type": "gocardless_fee",
        "amount": "-13.5",
        "links": {"payment": "PM1"},
        "taxes": [{"amount": "-2.3", "currency": "GBP", "tax_rate_id": "GB_VAT_1", "exchange_rate": None}],
    }
    tax = Tax(Decimal("-2.3"), "GBP", "GB_VAT_1")
    assert payout_item_of(body, "GBP") == PayoutItem(
        "gocardless_fee", Decimal("-13.5"), "GBP", payment_id="PM1", taxes=(tax,)
    )


@pytest.mark.parametrize(
    "body",
    [
        payment(amount="1234"),
        payment(amount=12.34),
        payment(amount=True),
        payment(amount=None),
        payment(currency="pounds"),
        payment(created_at="2026-03-02T09:15:30"),
        payment(created_at="yesterday"),
        payment(created_at=1772442930),
        payment(links=["MD1"]),
        payment(status=None),
        {"id": "PM1"},
    ],
)
def test_a_body_that_does_not_fit_is_a_typed_error_without_its_content(body: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="PM1") as caught:
        payment_of({**body, "description": "canary-text"})
    assert caught.value.subject == "PM1"
    assert "canary-text" not in str(caught.value)


@pytest.mark.parametrize("amount", [10**15 + 1, -(10**15) - 1, 2**63, 2**64 - 1])
def test_an_amount_that_no_column_holds_is_refused(amount: int) -> None:
    for body in (payment(amount=amount), payment(amount_refunded=amount)):
        with pytest.raises(BadAnswer, match="PM1"):
            payment_of(body)


@pytest.mark.parametrize("amount", [13.5, "NaN", "Infinity", "12,5", None, "1e999999", "1e-999999", "9" * 50])
def test_an_inexact_item_amount_is_refused(amount: Any) -> None:
    with pytest.raises(BadAnswer):
        payout_item_of({"type": "gocardless_fee", "amount": amount}, "GBP")


def test_a_page_with_a_misfit_names_the_field_and_no_value() -> None:
    with pytest.raises(BadAnswer, match="amount") as caught:
        validate_page("payments", [payment(), payment(amount="canary-amount")])
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None
