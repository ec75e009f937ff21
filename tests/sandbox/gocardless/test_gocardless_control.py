"""The control desk and the bulk loader that tests and the demo rely on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.world import World

DAY = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)


def test_the_clock_is_read_set_and_advanced_but_never_goes_back(api: Any) -> None:
    assert api.control("clock", method="GET") == {"now": "2026-06-01T08:00:00.000Z"}
    assert api.control("clock", {"advance_s": 90})["now"] == "2026-06-01T08:01:30.000Z"
    answer = requests.post(f"{api.base}/_control/clock", json={"set": "2026-05-01T00:00:00Z"}, timeout=10)
    assert answer.status_code == 400
    assert "does not go back" in answer.json()["error"]


def test_the_clock_can_move_without_anything_happening(api: Any) -> None:
    payment = api.payment()
    api.control("clock", {"set": "2026-06-20T08:00:00Z", "autopilot": False})
    assert api.one("payments", payment["id"])["status"] == "pending_submission"


def test_unknown_settings_and_faults_are_refused(api: Any) -> None:
    for path, body in (("settings", {"colour": 1}), ("faults", {"kind": "earthquake"}), ("simulate", {"name": "x"})):
        assert requests.post(f"{api.base}/_control/{path}", json=body, timeout=10).status_code == 400


def test_faults_can_be_cleared(api: Any) -> None:
    api.control("faults", {"kind": "html", "times": 5})
    assert api.control("faults", method="DELETE") == {"queued": 0}
    assert api.get("/payments").status_code == 200


def test_a_token_can_be_added_and_disabled_while_running(api: Any) -> None:
    api.control("tokens", {"value": "mine", "scope": "read_only"})
    api.session.headers["Authorization"] = "Bearer mine"
    assert api.get("/payments").status_code == 200
    api.control("tokens", {"value": "mine", "state": "disabled"})
    assert api.get("/payments").status_code == 401


def test_the_truth_names_items_holdings_and_dropped_events(api: Any) -> None:
    mandate = api.mandate()
    api.simulated("payment_paid_out", api.payment(mandate)["id"])
    api.simulated("payment_confirmed", api.payment(mandate)["id"])
    truth = api.control("truth", method="GET")
    assert [payment["status"] for payment in truth["payments"]] == ["paid_out", "confirmed"]
    assert list(truth["payout_items"]) == [truth["payouts"][0]["id"]]
    assert [entry["type"] for entry in truth["held"]] == ["payment_paid_out", "gocardless_fee"]
    assert truth["dropped_events"] == []


def test_a_thousand_payments_and_a_payout_of_two_thousand_items_are_loaded_over_http(api: Any) -> None:
    at = "2026-06-03"
    loaded = api.control("payments", {"count": 1000, "customers": 50, "at": at})
    payout = api.control("payouts", {"payments": loaded["payments"], "items": 2000, "at": "2026-06-03T20:00:00Z"})
    kinds = Counter(line["type"] for line in api.items(payout["id"]))
    assert (len(loaded["customers"]), len(set(loaded["payments"]))) == (50, 1000)
    assert kinds == {"payment_paid_out": 250, "gocardless_fee": 250}  # the first page of 500
    everything = api.control("truth", method="GET")["payout_items"][payout["id"]]
    assert len(everything) == 2000
    days = {row["created_at"][:10] for row in api.get("/events", limit=500, action="confirmed").json()["events"]}
    assert days == {"2026-06-03"}
    (paid,) = api.get("/events", action="paid").json()["events"]
    assert (paid["links"], payout["created_at"][:10]) == ({"payout": payout["id"]}, "2026-06-03")


def test_a_payout_can_be_filled_up_beyond_its_payments() -> None:
    world = World(SandboxClock(DAY))
    loaded = load_confirmed_payments(world, 10, customers=2, at=DAY)
    payout = load_payout(world, loaded.payments, items=33, at=DAY)
    assert len(world.payout_desk.items[payout.id]) == 33
    assert payout.status == "paid"


def test_a_payout_smaller_than_its_payments_is_refused() -> None:
    world = World(SandboxClock(DAY))
    loaded = load_confirmed_payments(world, 10, customers=2, at=DAY)
    with pytest.raises(ValueError, match="make 20 items"):
        load_payout(world, loaded.payments, items=19, at=DAY)


def test_loaded_customers_are_known_by_name_mail_and_number(api: Any) -> None:
    load_confirmed_payments(api.world, 4, customers=2, at=DAY, currency="GBP")
    first = api.get("/customers").json()["customers"][-1]
    assert (first["company_name"], first["email"]) == ("Load Customer 1", "load1@example.com")
    assert first["metadata"] == {"erp_customer": "10001"}
    assert api.get("/mandates", customer=first["id"]).json()["mandates"][0]["scheme"] == "bacs"


def test_the_same_seed_gives_the_same_ids() -> None:
    worlds = [World(SandboxClock(DAY), seed=seed) for seed in (4, 4, 5)]
    made = [load_confirmed_payments(world, 3, customers=1, at=DAY).payments for world in worlds]
    assert made[0] == made[1] != made[2]
    assert all(len(identity) == 14 and identity.startswith("PM") for identity in made[0])
