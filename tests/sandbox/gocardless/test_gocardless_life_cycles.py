"""Payments, mandates, refunds and subscriptions through their lives, by calendar and by simulator (10.1.10, 10.2, 10.3)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.gocardless.simulators import SIMULATORS


def actions(api: Any, payment: dict[str, Any]) -> list[str]:
    return [action for _, action in api.events(payment=payment["id"])]


def test_a_sepa_payment_takes_the_working_days_of_its_scheme(api: Any) -> None:
    payment = api.payment()
    assert payment["charge_date"] == "2026-06-04"
    states = []
    for day in (2, 3, 5, 8, 9):
        api.until(f"2026-06-{day:02d}T12:00:00Z")
        states.append(api.one("payments", payment["id"])["status"])
    assert states == ["submitted", "submitted", "confirmed", "confirmed", "paid_out"]
    payout = api.one("payments", payment["id"])["links"]["payout"]
    assert api.one("payouts", payout)["arrival_date"] == "2026-06-09"
    assert actions(api, payment) == ["created", "submitted", "confirmed", "paid_out"]


def test_a_bacs_payment_waits_for_its_mandate_and_the_bank_holiday(api: Any) -> None:
    api.until("2026-08-24T08:00:00Z")
    mandate = api.mandate("bacs")
    # One day more than with an active mandate.
    assert mandate["next_possible_charge_date"] == "2026-08-28"
    payment = api.payment(mandate, charge_date="2026-08-31")
    # The last Monday of August is a bank holiday in England.
    assert payment["charge_date"] == "2026-09-01"
    api.until("2026-09-03T12:00:00Z")
    assert api.one("payments", payment["id"])["status"] == "paid_out"


def test_a_charge_date_on_a_target_holiday_rolls_forward(api: Any) -> None:
    assert api.payment(charge_date="2026-12-25")["charge_date"] == "2026-12-28"


def test_a_sepa_mandate_goes_to_the_bank_with_its_first_payment(api: Any) -> None:
    payment = api.payment()
    mandate = payment["links"]["mandate"]
    assert api.one("mandates", mandate)["status"] == "pending_submission"
    api.until("2026-06-02T12:00:00Z")
    assert api.one("mandates", mandate)["status"] == "submitted"
    api.until("2026-06-05T12:00:00Z")
    assert api.one("mandates", mandate)["status"] == "active"


def test_the_next_possible_charge_date_moves_on_every_day(api: Any) -> None:
    mandate = api.mandate()
    assert mandate["next_possible_charge_date"] == "2026-06-04"
    api.until("2026-06-05T08:00:00Z")
    assert api.one("mandates", mandate["id"])["next_possible_charge_date"] == "2026-06-10"


@pytest.mark.parametrize(
    ("name", "status", "story"),
    [
        ("Successful", "paid_out", ["created", "submitted", "confirmed", "paid_out"]),
        ("Penniless", "failed", ["created", "submitted", "failed"]),
        ("Fickle", "charged_back", ["created", "submitted", "confirmed", "paid_out", "charged_back"]),
        ("Late", "failed", ["created", "submitted", "confirmed", "paid_out", "failed"]),
    ],
)
def test_magic_payer_names_choose_the_fate(api: Any, name: str, status: str, story: list[str]) -> None:
    payment = api.payment(api.mandate(given_name=name))
    api.until("2026-06-20T12:00:00Z")
    assert api.one("payments", payment["id"])["status"] == status
    assert [action for action in actions(api, payment) if action != "surcharge_fee_debited"] == story


@pytest.mark.parametrize(("name", "status"), [("Invalid", "failed"), ("Expired", "expired"), ("Switching", "active")])
def test_magic_payer_names_choose_the_mandates_fate_too(api: Any, name: str, status: str) -> None:
    mandate = api.mandate("bacs", given_name=name)
    api.until("2026-06-10T12:00:00Z")
    after = api.one("mandates", mandate["id"])
    assert after["status"] == status
    moved = after["links"]["customer_bank_account"] != mandate["links"]["customer_bank_account"]
    assert moved == (name == "Switching")


def test_a_payment_is_retried_at_most_three_times(api: Any) -> None:
    payment = api.payment()
    retry = f"/payments/{payment['id']}/actions/retry"
    assert api.reason(api.post(retry))[2] == "retry_failed"
    for _ in range(3):
        api.simulated("payment_failed", payment["id"])
        assert api.post(retry).json()["payments"]["status"] == "pending_submission"
    api.simulated("payment_failed", payment["id"])
    assert api.reason(api.post(retry)) == (422, "invalid_state", "retry_failed")


def test_a_retry_after_a_late_failure_leads_to_a_second_confirmation(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_late_failure", payment["id"])
    api.post(f"/payments/{payment['id']}/actions/retry", {"data": {"charge_date": "2026-06-15"}})
    assert api.one("payments", payment["id"])["charge_date"] == "2026-06-15"
    api.until("2026-06-25T12:00:00Z")
    assert actions(api, payment).count("confirmed") == 2
    assert api.one("payments", payment["id"])["status"] == "paid_out"


def test_a_payment_can_only_be_cancelled_before_it_is_submitted(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_submitted", payment["id"])
    answer = api.post(f"/payments/{payment['id']}/actions/cancel")
    assert api.reason(answer) == (422, "invalid_state", "cancellation_failed")


def test_cancelling_a_mandate_cancels_payments_and_subscriptions_with_its_event_as_parent(api: Any) -> None:
    mandate = api.mandate()
    payment = api.payment(mandate)
    links = {"mandate": mandate["id"]}
    subscription = api.made("subscriptions", amount=5, currency="EUR", interval_unit="monthly", links=links)
    api.post(f"/mandates/{mandate['id']}/actions/cancel")
    cancelled = api.get("/events", mandate=mandate["id"], action="cancelled").json()["events"][0]
    children = api.get("/events", parent_event=cancelled["id"]).json()["events"]
    assert {(c["resource_type"], c["details"]["cause"]) for c in children} == {
        ("payments", "mandate_cancelled"), ("subscriptions", "mandate_cancelled"),
    }  # fmt: skip
    assert api.one("payments", payment["id"])["status"] == "cancelled"
    assert api.one("subscriptions", subscription["id"])["status"] == "cancelled"


def test_a_mandate_can_be_reinstated_ten_times(api: Any) -> None:
    mandate = api.mandate()
    path = f"/mandates/{mandate['id']}/actions"
    assert api.reason(api.post(f"{path}/reinstate"))[2] == "mandate_not_inactive"
    for _ in range(10):
        assert api.post(f"{path}/cancel").status_code == 200
        assert api.post(f"{path}/reinstate").json()["mandates"]["status"] == "pending_submission"
    api.post(f"{path}/cancel")
    assert api.reason(api.post(f"{path}/reinstate"))[2] == "mandate_not_inactive"


def test_a_transferred_mandate_names_both_accounts(api: Any) -> None:
    mandate = api.mandate("bacs")
    api.simulated("mandate_transferred", mandate["id"])
    event = api.get("/events", mandate=mandate["id"], action="transferred").json()["events"][0]
    assert event["links"]["previous_customer_bank_account"] == mandate["links"]["customer_bank_account"]
    now = api.one("mandates", mandate["id"])["links"]["customer_bank_account"]
    assert event["links"]["new_customer_bank_account"] == now


def test_a_failure_tells_cause_scheme_and_reason_code(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_failed", payment["id"])
    details = api.get("/events", payment=payment["id"], action="failed").json()["events"][0]["details"]
    assert (details["cause"], details["reason_code"], details["scheme"]) == ("insufficient_funds", "AM04", "sepa_core")
    assert (details["origin"], details["will_attempt_retry"]) == ("bank", False)


def test_events_carry_the_resources_metadata(api: Any) -> None:
    payment = api.payment(metadata={"invoice": "RE-1"})
    assert api.get("/events", payment=payment["id"]).json()["events"][0]["resource_metadata"] == {"invoice": "RE-1"}


@pytest.mark.parametrize(
    ("simulator", "status", "last"),
    [
        ("payment_submitted", "submitted", "submitted"),
        ("payment_confirmed", "confirmed", "confirmed"),
        ("payment_paid_out", "paid_out", "paid_out"),
        ("payment_failed", "failed", "failed"),
        ("payment_charged_back", "charged_back", "charged_back"),
        ("payment_late_failure", "failed", "failed"),
    ],
)
def test_payment_simulators_go_all_the_way(api: Any, simulator: str, status: str, last: str) -> None:
    payment = api.payment()
    api.simulated(simulator, payment["id"])
    assert api.one("payments", payment["id"])["status"] == status
    assert actions(api, payment)[-1] == last


@pytest.mark.parametrize(
    ("simulator", "settled"),
    [("payment_chargeback_settled", "chargeback_settled"), ("payment_late_failure_settled", "late_failure_settled")],
)
def test_settling_simulators_net_the_debit_in_a_payout(api: Any, simulator: str, settled: str) -> None:
    mandate = api.mandate()
    api.simulated("payment_confirmed", api.payment(mandate, amount=50_000)["id"])
    payment = api.payment(mandate)
    api.simulated(simulator, payment["id"])
    event = api.get("/events", payment=payment["id"], action=settled).json()["events"][0]
    lines = api.items(event["links"]["payout"])
    debits = [line for line in lines if line["type"] in ("payment_charged_back", "payment_failed")]
    assert [(line["amount"], line["links"]) for line in debits] == [("-10000.0", {"payment": payment["id"]})]


def test_a_debit_larger_than_the_balance_cannot_be_settled(api: Any) -> None:
    answer = api.simulate("payment_chargeback_settled", api.payment()["id"])
    assert api.reason(answer) == (422, "invalid_state", "simulation_failed")


def test_a_simulator_refuses_the_wrong_start_state(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_failed", payment["id"])
    assert api.reason(api.simulate("payment_paid_out", payment["id"])) == (422, "invalid_state", "simulation_failed")
    bacs = api.payment(api.mandate("bacs"))
    assert api.reason(api.simulate("payment_confirmed", bacs["id"]))[2] == "simulation_failed"
    assert api.reason(api.simulate("mandate_activated", api.mandate()["id"]))[2] == "simulation_failed"
    assert api.simulate("payment_teleported", payment["id"]).status_code == 404
    assert api.simulate("payment_failed", "PM404").status_code == 404


def test_every_documented_lever_is_there() -> None:
    prefixes = {"creditor": 3, "payment": 8, "mandate": 8, "refund": 4, "payout": 1, "billing": 4}
    counted = {prefix: sum(name.startswith(prefix) for name in SIMULATORS) for prefix in prefixes}
    assert counted == prefixes


@pytest.mark.parametrize(
    ("simulator", "scheme", "status"),
    [
        ("mandate_activated", "bacs", "active"),
        ("mandate_failed", "bacs", "failed"),
        ("mandate_expired", "bacs", "expired"),
        ("mandate_transferred", "sepa_core", "active"),
        ("mandate_transferred_with_resubmission", "bacs", "pending_submission"),
    ],
)
def test_mandate_simulators(api: Any, simulator: str, scheme: str, status: str) -> None:
    mandate = api.mandate(scheme)
    api.simulated(simulator, mandate["id"])
    assert api.one("mandates", mandate["id"])["status"] == status


def test_only_a_pay_to_mandate_can_be_suspended_by_its_payer(api: Any) -> None:
    details = {"country_code": "AU", "branch_code": "082-082", "account_number": "012345678"}
    account = api.made(
        "customer_bank_accounts", account_holder_name="A", links={"customer": api.customer()["id"]}, **details
    )
    mandate = api.made("mandates", scheme="pay_to", links={"customer_bank_account": account["id"]})
    api.simulated("mandate_activated", mandate["id"])
    api.simulated("mandate_suspended_by_payer", mandate["id"])
    assert api.one("mandates", mandate["id"])["status"] == "suspended_by_payer"
    assert api.reason(api.simulate("mandate_suspended_by_payer", api.mandate()["id"]))[2] == "simulation_failed"


def test_customer_approval_releases_payments(api: Any) -> None:
    mandate = api.world.mandates.get(api.mandate()["id"])
    mandate.change(status="pending_customer_approval")
    payment = api.payment({"id": mandate.id, "scheme": "sepa_core"})
    assert payment["status"] == "pending_customer_approval"
    api.simulated("mandate_customer_approval_granted", mandate.id)
    assert api.one("payments", payment["id"])["status"] == "pending_submission"


def test_a_creditors_verification_is_an_event_and_stops_payouts(api: Any) -> None:
    creditor = api.get("/creditors").json()["creditors"][0]["id"]
    api.simulated("creditor_verification_status_in_review", creditor)
    payment = api.payment()
    api.until("2026-06-20T08:00:00Z")
    assert api.one("payments", payment["id"])["status"] == "confirmed"
    api.simulated("creditor_verification_status_successful", creditor)
    api.until("2026-06-23T08:00:00Z")
    assert api.one("payments", payment["id"])["status"] == "paid_out"
    details = api.get("/events", creditor=creditor).json()["events"][0]["details"]
    assert details["property"] == "verification_status"


def test_a_subscription_charges_its_dates_and_finishes(api: Any) -> None:
    links = {"mandate": api.mandate()["id"]}
    fields = {
        "amount": 700,
        "currency": "EUR",
        "interval_unit": "monthly",
        "day_of_month": -1,
        "count": 2,
        "name": "Plan",
    }
    subscription = api.made("subscriptions", **fields, start_date="2026-06-10", links=links)
    dates = [part["charge_date"] for part in subscription["upcoming_payments"]]
    # The last of a month rolls back to the last working day.
    assert dates == ["2026-06-30", "2026-07-31"]
    api.until("2026-08-10T08:00:00Z")
    payments = api.get("/payments", subscription=subscription["id"]).json()["payments"]
    assert sorted(row["charge_date"] for row in payments) == dates
    assert {row["description"] for row in payments} == {"Plan"}
    assert api.one("subscriptions", subscription["id"])["status"] == "finished"


def test_a_subscription_can_be_paused_resumed_amended_ten_times_and_cancelled(api: Any) -> None:
    links = {"mandate": api.mandate()["id"]}
    subscription = api.made("subscriptions", amount=700, currency="EUR", interval_unit="weekly", links=links)
    path = f"/subscriptions/{subscription['id']}"
    assert api.post(f"{path}/actions/pause").json()["subscriptions"]["status"] == "paused"
    assert api.reason(api.post(f"{path}/actions/pause"))[2] == "subscription_cannot_be_paused"
    assert api.post(f"{path}/actions/resume").json()["subscriptions"]["status"] == "active"
    assert api.reason(api.post(f"{path}/actions/resume"))[2] == "subscription_not_paused"
    for number in range(10):
        assert api.put(path, {"subscriptions": {"amount": 800 + number}}).status_code == 200
    answer = api.put(path, {"subscriptions": {"amount": 1}})
    assert api.reason(answer)[2] == "number_of_subscription_amendments_exceeded"
    assert api.post(f"{path}/actions/cancel").json()["subscriptions"]["status"] == "cancelled"
    assert api.reason(api.post(f"{path}/actions/cancel"))[2] == "cancellation_failed"
    assert api.reason(api.put(path, {"subscriptions": {"name": "x"}}))[2] == "subscription_already_ended"


def test_an_instalment_schedule_makes_its_payments_at_once_and_cancels_them_together(api: Any) -> None:
    links = {"mandate": api.mandate()["id"]}
    schedule = {"start_date": "2026-07-01", "interval": 1, "interval_unit": "monthly", "amounts": [400, 600]}
    made = api.made(
        "instalment_schedules", name="Invoice 7", currency="EUR", total_amount=1000, instalments=schedule, links=links
    )
    payments = [api.one("payments", identity) for identity in made["links"]["payments"]]
    assert [(p["amount"], p["charge_date"]) for p in payments] == [(400, "2026-07-01"), (600, "2026-08-03")]
    path = f"/instalment_schedules/{made['id']}/actions/cancel"
    assert api.post(path).json()["instalment_schedules"]["status"] == "cancelled"
    assert {api.one("payments", p["id"])["status"] for p in payments} == {"cancelled"}
    assert api.reason(api.post(path))[2] == "cancellation_failed"
