"""The payout builder: sums, half pennies, VAT, size, carry-over, conversion, bounces (checklist 10.1.10 and 10.1.11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.settlement import PriceList, TaxOnFees

BRITISH_VAT = TaxOnFees("GB_VAT_1", Decimal("0.2"), "GBP")
MID_JUNE = "2026-06-20T20:00:00Z"


def only_payout(api: Any) -> dict[str, Any]:
    (payout,) = api.get("/payouts").json()["payouts"]
    return dict(payout)


def proven(api: Any, payout: dict[str, Any]) -> bool:
    """Items sum to the amount, and fees to the deducted fees, within half a unit."""
    lines = api.items(payout["id"])
    whole = sum(Decimal(line["amount"]) for line in lines)
    fees = -sum(
        Decimal(line["amount"]) for line in lines if line["type"] in ("gocardless_fee", "app_fee", "surcharge_fee")
    )
    half = Decimal("0.5")
    return abs(whole - payout["amount"]) <= half and abs(fees - payout["deducted_fees"]) <= half


def price(api: Any, **changes: Any) -> None:
    api.world.creditors.ordered[0].hidden["prices"] = PriceList(**changes)


def test_a_payout_is_its_payments_less_fees_with_half_pennies(api: Any) -> None:
    mandate = api.mandate("bacs")
    for amount in (4_150, 10_330):
        api.payment(mandate, amount=amount)
    api.until(MID_JUNE)
    payout = only_payout(api)
    assert [(line["type"], line["amount"]) for line in api.items(payout["id"])] == [
        ("payment_paid_out", "4150.0"), ("gocardless_fee", "-61.5"),
        ("payment_paid_out", "10330.0"), ("gocardless_fee", "-123.3"),
    ]  # fmt: skip
    # 184.8 pence of fees are 185 whole ones.
    assert (payout["amount"], payout["deducted_fees"], payout["status"]) == (14_295, 185, "paid")
    assert payout["reference"].startswith("ACME-")
    assert proven(api, payout)


def test_vat_is_inside_the_fee_and_named_by_its_rate(api: Any) -> None:
    price(api, tax=BRITISH_VAT)
    payment = api.payment(api.mandate("bacs"), amount=9_000)
    api.until(MID_JUNE)
    payout = only_payout(api)
    (fee,) = [line for line in api.items(payout["id"]) if line["type"] == "gocardless_fee"]
    assert fee["amount"] == "-132.0"
    assert fee["taxes"] == [
        {
            "amount": "22.0", "currency": "GBP", "destination_amount": "22.0", "destination_currency": "GBP",
            "exchange_rate": None, "tax_rate_id": "GB_VAT_1",
        }
    ]  # fmt: skip
    assert payout["tax_currency"] == "GBP"
    assert api.one("tax_rates", "GB_VAT_1")["percentage"] == "20.0"
    assert fee["links"] == {"payment": payment["id"]}


def test_tax_in_another_currency_gets_its_rate_a_day_later(api: Any) -> None:
    price(api, tax=BRITISH_VAT)
    api.payment(amount=9_000)
    api.until("2026-06-09T20:00:00Z")
    payout = only_payout(api)
    (waiting,) = [line for line in api.items(payout["id"]) if line["taxes"]]
    assert (waiting["taxes"][0]["destination_amount"], waiting["taxes"][0]["exchange_rate"]) == (None, None)
    api.until("2026-06-10T20:00:00Z")
    (final,) = [line for line in api.items(payout["id"]) if line["taxes"]]
    assert (final["taxes"][0]["destination_amount"], final["taxes"][0]["exchange_rate"]) == ("18.9", "0.8592400000")
    assert ("payouts", "tax_exchange_rates_confirmed") in api.events(payout=payout["id"])


def test_fees_are_given_back_and_surcharged_when_a_payment_is_taken_back(api: Any) -> None:
    price(api, tax=BRITISH_VAT)
    mandate = api.mandate("bacs")
    late = api.payment(mandate, amount=9_000)
    api.until("2026-06-09T20:00:00Z")
    api.control("simulate", {"name": "payment_late_failure", "resource": late["id"]})
    api.payment(mandate, amount=50_000)
    api.until("2026-06-25T20:00:00Z")
    payout = api.get("/payouts").json()["payouts"][0]
    mine = {x["type"]: (x["amount"], [t["amount"] for t in x["taxes"]]) for x in api.items(payout["id"])
            if x["links"] == {"payment": late["id"]}}  # fmt: skip
    assert mine == {
        "payment_failed": ("-9000.0", []), "gocardless_fee": ("132.0", ["-22.0"]), "surcharge_fee": ("-360.0", ["60.0"]),
    }  # fmt: skip
    assert proven(api, payout)


def test_a_late_failure_before_the_payout_vanishes(api: Any) -> None:
    mandate = api.mandate("bacs")
    first, second = api.payment(mandate), api.payment(mandate, amount=20_000)
    api.until("2026-06-08T12:00:00Z")
    api.control("simulate", {"name": "payment_failed", "resource": api.payment(api.mandate())["id"]})
    api.world.payment_states.fail(api.world.payments.get(first["id"]))
    api.until(MID_JUNE)
    kinds = [(x["type"], x["links"]["payment"]) for x in api.items(only_payout(api)["id"])]
    assert ("payment_paid_out", first["id"]) not in kinds
    assert ("payment_failed", first["id"]) not in kinds
    assert ("payment_paid_out", second["id"]) in kinds


def test_or_is_netted_as_credit_and_debit_of_one_payout(api: Any) -> None:
    api.control("settings", {"reversal_before_payout": "netted"})
    mandate = api.mandate("bacs")
    first = api.payment(mandate)
    api.payment(mandate, amount=20_000)
    api.until("2026-06-08T12:00:00Z")
    api.world.payment_states.fail(api.world.payments.get(first["id"]))
    api.until(MID_JUNE)
    payout = only_payout(api)
    lines = [x for x in api.items(payout["id"]) if x["links"]["payment"] == first["id"]]
    assert sum(Decimal(x["amount"]) for x in lines if x["type"].startswith("payment_")) == 0
    assert {x["type"] for x in lines} >= {"payment_paid_out", "payment_failed"}
    assert api.one("payments", first["id"])["status"] == "failed"
    assert proven(api, payout)


def test_a_withdrawn_chargeback_is_paid_out_once_more_and_its_surcharge_returned(api: Any) -> None:
    mandate = api.mandate()
    payment = api.payment(mandate)
    api.simulated("payment_paid_out", payment["id"])
    api.world.payment_states.charge_back(api.world.payments.get(payment["id"]))
    api.payment(mandate, amount=90_000)
    api.until("2026-06-15T20:00:00Z")
    api.world.payment_states.cancel_chargeback(api.world.payments.get(payment["id"]))
    assert api.one("payments", payment["id"])["status"] == "confirmed"
    api.payment(mandate)
    api.until("2026-06-30T20:00:00Z")
    assert api.one("payments", payment["id"])["status"] == "paid_out"
    lines = [(x["type"], x["amount"]) for p in reversed(api.get("/payouts").json()["payouts"])
             for x in api.items(p["id"]) if x["links"]["payment"] == payment["id"]]  # fmt: skip
    assert lines == [
        ("payment_paid_out", "10000.0"), ("gocardless_fee", "-120.0"),
        ("payment_charged_back", "-10000.0"), ("gocardless_fee", "120.0"), ("surcharge_fee", "-500.0"),
        ("surcharge_fee", "500.0"), ("payment_paid_out", "10000.0"), ("gocardless_fee", "-120.0"),
    ]  # fmt: skip


def test_a_chargeback_withdrawn_before_it_was_settled_moves_nothing(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_charged_back", payment["id"])
    api.world.payment_states.cancel_chargeback(api.world.payments.get(payment["id"]))
    assert api.one("payments", payment["id"])["status"] == "paid_out"
    assert api.world.settlement.pending == []


def test_a_negative_balance_is_carried_over(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_charged_back", payment["id"])
    api.until("2026-06-05T20:00:00Z")
    assert len(api.get("/payouts").json()["payouts"]) == 1
    creditor = payment["links"]["creditor"]
    rows = api.get("/balances", creditor=creditor).json()["balances"]
    assert [(row["balance_type"], row["currency"], row["amount"]) for row in rows] == [
        ("confirmed_funds", "EUR", -10_380)
    ]
    api.payment(amount=30_000)
    api.until(MID_JUNE)
    newest = api.get("/payouts").json()["payouts"][0]
    assert "payment_charged_back" in {x["type"] for x in api.items(newest["id"])}
    assert newest["amount"] == 30_000 - 320 - 10_380


def test_invoiced_merchants_have_no_fees_in_their_payouts(api: Any) -> None:
    price(api, invoiced=True)
    api.payment()
    api.until(MID_JUNE)
    payout = only_payout(api)
    assert (payout["amount"], payout["deducted_fees"]) == (10_000, 0)
    assert [x["type"] for x in api.items(payout["id"])] == ["payment_paid_out"]


def test_items_are_paged_in_one_stable_order(api: Any) -> None:
    loaded = load_confirmed_payments(api.world, 300, customers=10, at=api.world.now())
    payout = load_payout(api.world, loaded.payments, items=601, at=api.world.now())
    pages, query = [], {"payout": payout.id, "limit": 250}
    while True:
        body = api.get("/payout_items", **query).json()
        pages.append(body["payout_items"])
        if body["meta"]["cursors"]["after"] is None:
            break
        query["after"] = body["meta"]["cursors"]["after"]
    assert [len(page) for page in pages] == [250, 250, 101]
    back = api.get("/payout_items", payout=payout.id, limit=250, before=body["meta"]["cursors"]["before"]).json()
    assert back["payout_items"] == pages[1]
    rounded = sum(Decimal(x["amount"]) for page in pages for x in page)
    assert abs(rounded - payout.body["amount"]) <= Decimal("0.5")


def test_items_go_after_six_months(api: Any) -> None:
    api.payment()
    api.until(MID_JUNE)
    payout = only_payout(api)
    api.control("clock", {"set": "2026-12-09T05:30:00Z"})
    assert api.get("/payout_items", payout=payout["id"]).status_code == 200
    api.control("clock", {"set": "2026-12-09T05:31:00Z"})
    assert api.reason(api.get("/payout_items", payout=payout["id"]))[:2] == (410, "invalid_api_usage")
    assert api.get(f"/payouts/{payout['id']}").status_code == 200


def test_items_need_a_payout_that_exists(api: Any) -> None:
    assert api.reason(api.get("/payout_items"))[2] == "invalid_filters"
    assert api.get("/payout_items", payout="PO404").status_code == 404
    api.payment()
    api.until(MID_JUNE)
    answer = api.get("/payout_items", payout=only_payout(api)["id"], after="nonsense")
    assert api.reason(answer)[2] == "invalid_filters"


def test_a_converted_payout_is_paid_in_two_steps(api: Any) -> None:
    german = api.world.builder.creditor("Werkzeug GmbH", "DE", accounts=("EUR",), fx_payout_currency="EUR")
    api.world.creditors.remove(api.world.creditors.ordered[0])
    payment = api.payment(api.mandate("bacs"), amount=10_000)
    assert payment["fx"]["fx_currency"] == "EUR"
    assert payment["fx"]["exchange_rate"] is None
    api.until("2026-06-09T12:00:00Z")
    payout = only_payout(api)
    assert (payout["currency"], payout["status"], payout["fx"]["fx_amount"]) == ("GBP", "pending", None)
    assert ("payouts", "paid") in api.events(payout=payout["id"])
    api.until("2026-06-09T20:00:00Z")
    final = only_payout(api)
    assert (final["status"], final["amount"]) == ("paid", 9_880)
    # 98.80 GBP at 1.16382
    assert (final["fx"]["fx_amount"], final["fx"]["exchange_rate"]) == (11_499, "1.1638200000")
    assert api.events(payout=payout["id"])[-1] == ("payouts", "fx_rate_confirmed")
    assert api.one("payments", payment["id"])["fx"]["fx_amount"] == 11_638
    assert final["links"]["creditor"] == german.id


def test_a_bounced_payout_is_told_by_its_creditor_and_can_be_paid_again(api: Any) -> None:
    api.payment()
    api.until(MID_JUNE)
    payout = only_payout(api)
    api.simulated("payout_bounced", payout["id"])
    assert only_payout(api)["status"] == "bounced"
    (event,) = api.get("/events", action="bounced_payout").json()["events"]
    assert (event["resource_type"], event["links"]) == ("creditors", {"creditor": payout["links"]["creditor"]})
    assert api.reason(api.simulate("payout_bounced", payout["id"]))[2] == "simulation_failed"
    api.until("2026-06-22T09:00:00Z")
    api.world.payout_desk.retry(api.world.payouts.get(payout["id"]))
    again = only_payout(api)
    assert (again["status"], again["arrival_date"]) == ("paid", "2026-06-22")
    told = api.events(payout=payout["id"])
    assert (told.count(("payouts", "paid")), told.count(("payments", "paid_out"))) == (2, 1)


def test_a_refund_is_settled_paid_bounced_and_returned(api: Any) -> None:
    mandate = api.mandate()
    payment = api.payment(mandate, amount=50_000)
    api.until("2026-06-05T12:00:00Z")
    links = {"payment": payment["id"]}
    refund = api.made("refunds", amount=5_000, total_amount_confirmation=5_000, links=links)
    api.until("2026-06-09T20:00:00Z")
    assert api.one("refunds", refund["id"])["status"] == "paid"
    api.simulated("refund_bounced", refund["id"])
    assert api.one("refunds", refund["id"])["status"] == "bounced"
    api.payment(mandate)
    api.until("2026-06-22T20:00:00Z")
    assert api.one("refunds", refund["id"])["status"] == "funds_returned"
    assert [a for _, a in api.events(refund=refund["id"])] == [
        "created",
        "refund_settled",
        "paid",
        "failed",
        "funds_returned",
    ]
    lines = {
        x["type"]: x
        for p in api.get("/payouts").json()["payouts"]
        for x in api.items(p["id"])
        if "refund" in x["links"]
    }
    assert lines["payment_refunded"]["amount"] == "-5000.0"
    assert lines["payment_refunded"]["links"] == {"payment": payment["id"], "refund": refund["id"]}
    assert lines["refund_funds_returned"]["amount"] == "5000.0"


@pytest.mark.parametrize(("simulator", "status"), [("refund_settled", "paid"), ("refund_returned", "funds_returned")])
def test_refund_simulators_settle(api: Any, simulator: str, status: str) -> None:
    mandate = api.mandate()
    payment = api.payment(mandate)
    api.simulated("payment_confirmed", payment["id"])
    refund = api.made("refunds", amount=100, links={"mandate": mandate["id"]})
    api.simulated(simulator, refund["id"])
    assert api.one("refunds", refund["id"])["status"] == status
    assert {x["type"] for p in api.get("/payouts").json()["payouts"] for x in api.items(p["id"])} >= {"refund"}


def test_a_large_payout_is_split_and_each_part_is_proven(api: Any) -> None:
    api.control("settings", {"max_items_per_payout": 10})
    mandate = api.mandate()
    late = api.payment(mandate, amount=3_000)
    api.simulated("payment_late_failure", late["id"])
    for _ in range(12):
        api.payment(mandate)
    api.until(MID_JUNE)
    payouts = api.get("/payouts").json()["payouts"]
    assert len(payouts) == 3
    assert all(proven(api, payout) and payout["amount"] > 0 for payout in payouts)
    assert sum(len(api.items(payout["id"])) for payout in payouts) >= 24
    owners: dict[str, set[str]] = {}
    for payout in payouts:
        for line in api.items(payout["id"]):
            owners.setdefault(line["links"]["payment"], set()).add(payout["id"])
    assert all(len(parts) == 1 for parts in owners.values())


def test_a_partner_payout_holds_revenue_shares(api: Any) -> None:
    payment = api.payment()
    shares = [(payment["id"], Decimal("12.5")), (payment["id"], Decimal("-2.0"))]
    payout = api.world.payout_desk.build_partner(payment["links"]["creditor"], "EUR", shares)
    api.world.payout_desk.pay(payout)
    shown = api.one("payouts", payout.id)
    assert (shown["payout_type"], shown["amount"], shown["status"], shown["deducted_fees"]) == (
        "partner",
        11,
        "paid",
        0,
    )
    assert [(x["type"], x["amount"]) for x in api.items(payout.id)] == [
        ("revenue_share", "12.5"),
        ("revenue_share", "-2.0"),
    ]
    assert [row["id"] for row in api.get("/payouts", payout_type="partner").json()["payouts"]] == [payout.id]


def test_direct_settlement_never_reaches_a_payout(api: Any) -> None:
    mandate = api.mandate()
    api.world.mandates.get(mandate["id"]).change(funds_settlement="direct")
    payment = api.payment(mandate)
    api.until(MID_JUNE)
    assert api.one("payments", payment["id"])["status"] == "confirmed"
    assert api.get("/payouts").json()["payouts"] == []


def test_balances_tell_what_is_where(api: Any) -> None:
    mandate = api.mandate()
    submitted, confirmed = api.payment(mandate, amount=700), api.payment(mandate, amount=5_000)
    api.simulated("payment_submitted", submitted["id"])
    api.simulated("payment_confirmed", confirmed["id"])
    rows = api.get("/balances", creditor=submitted["links"]["creditor"]).json()["balances"]
    assert {row["balance_type"]: row["amount"] for row in rows} == {
        "confirmed_funds": 4_930, "pending_payments_submitted": 700,
    }  # fmt: skip
    assert {row["last_updated_at"] for row in rows} == {"2026-06-01T07:56:00.000Z"}
    assert api.reason(api.get("/balances"))[2] == "invalid_filters"


def test_payouts_take_metadata_only_and_are_found_by_it(api: Any) -> None:
    api.payment()
    api.until(MID_JUNE)
    path = f"/payouts/{only_payout(api)['id']}"
    assert api.bad_fields(api.put(path, {"payouts": {"amount": 1}})) == {"amount"}
    api.put(path, {"payouts": {"metadata": {"mlc_post": "P-1"}}})
    assert len(api.get("/payouts", metadata="P-1").json()["payouts"]) == 1
    assert api.get("/payouts", metadata="P-2").json()["payouts"] == []


def test_a_payout_export_lists_the_items_as_a_file(api: Any) -> None:
    payment = api.payment()
    api.until(MID_JUNE)
    export = api.control("exports", {"payout": only_payout(api)["id"], "base_url": api.base})
    assert api.get("/exports").json()["exports"] == [export]
    text = api.session.get(export["download_url"], timeout=10).text
    assert f"payment_paid_out,10000.0,{payment['id']}" in text
    assert ("exports", "completed") in api.events(export=export["id"])


def test_tax_rates_and_exchange_rates_are_told(api: Any) -> None:
    assert [rate["id"] for rate in api.get("/tax_rates", jurisdiction="GB").json()["tax_rates"]] == ["GB_VAT_1"]
    assert api.get("/tax_rates/XX_VAT_1").status_code == 404
    (rate,) = api.get("/currency_exchange_rates", source="GBP", target="EUR").json()["currency_exchange_rates"]
    assert (rate["rate"], rate["time"]) == ("1.1638200000", "2026-06-01T08:00:00.000Z")


def test_changing_a_creditor_is_an_event_that_names_the_property(api: Any) -> None:
    creditor = api.get("/creditors").json()["creditors"][0]["id"]
    assert api.put(f"/creditors/{creditor}", {"creditors": {"city": "Leeds"}}).json()["creditors"]["city"] == "Leeds"
    (event,) = api.get("/events", creditor=creditor, action="updated").json()["events"]
    assert event["details"]["property"] == "city"
    assert len(api.get("/creditor_bank_accounts", creditor=creditor).json()["creditor_bank_accounts"]) == 2
