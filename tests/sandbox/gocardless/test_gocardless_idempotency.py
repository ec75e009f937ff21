"""Replays: keys, lost answers, and the two orders of a replayed refund (checklist 10.1.5)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.gocardless.world import World


def payment_fields(mandate: dict[str, Any], amount: int = 1000) -> dict[str, Any]:
    return {"payments": {"amount": amount, "currency": "EUR", "links": {"mandate": mandate["id"]}}}


def conflict_with(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (409, "invalid_state")
    assert error["errors"][0]["reason"] == "idempotent_creation_conflict"
    identity: str = error["errors"][0]["links"]["conflicting_resource_id"]
    return identity


def test_a_used_key_is_answered_with_the_first_resource_whatever_the_body_says(api: Any) -> None:
    mandate = api.mandate()
    first = api.post("/payments", payment_fields(mandate), key="one").json()["payments"]
    assert conflict_with(api.post("/payments", payment_fields(mandate, 9999), key="one")) == first["id"]
    assert len(api.get("/payments").json()["payments"]) == 1


def test_a_key_stays_free_after_a_failed_attempt(api: Any) -> None:
    mandate = api.mandate()
    assert api.post("/payments", payment_fields(mandate, -5), key="again").status_code == 422
    assert api.post("/payments", payment_fields(mandate), key="again").status_code == 201


@pytest.mark.parametrize("kind", ["drop_after", "html_after"])
def test_a_payment_whose_answer_was_lost_exists_once(api: Any, kind: str) -> None:
    mandate = api.mandate()
    api.control("faults", {"kind": kind, "method": "POST", "path": "/payments"})
    try:
        assert api.post("/payments", payment_fields(mandate), key="lost").status_code == 502
    except requests.ConnectionError:
        assert kind == "drop_after"
    existing = conflict_with(api.post("/payments", payment_fields(mandate), key="lost"))
    assert [row["id"] for row in api.get("/payments").json()["payments"]] == [existing]


def test_a_request_that_never_arrived_leaves_its_key_free(api: Any) -> None:
    mandate = api.mandate()
    api.control("faults", {"kind": "drop_before", "method": "POST", "path": "/payments"})
    with pytest.raises(requests.ConnectionError):
        api.post("/payments", payment_fields(mandate), key="fresh")
    assert api.post("/payments", payment_fields(mandate), key="fresh").status_code == 201


def test_keys_are_forgotten_in_the_end(api: Any) -> None:
    mandate = api.mandate()
    api.post("/payments", payment_fields(mandate), key="old")
    api.until("2026-07-15T08:00:00Z")
    assert api.post("/payments", payment_fields(mandate), key="old").status_code == 201


def test_a_key_that_is_too_long_is_refused(api: Any) -> None:
    answer = api.post("/payments", payment_fields(api.mandate()), key="k" * 129)
    assert answer.json()["error"]["errors"][0]["reason"] == "idempotency_key_too_long"


def test_billing_request_flows_are_not_deduplicated(api: Any) -> None:
    request = api.made("billing_requests", mandate_request={"scheme": "sepa_core"})
    body = {"billing_request_flows": {"links": {"billing_request": request["id"]}}}
    first, second = (
        api.post("/billing_request_flows", body, key="flow"),
        api.post("/billing_request_flows", body, key="flow"),
    )
    assert (first.status_code, second.status_code) == (201, 201)
    urls = [answer.json()["billing_request_flows"]["authorisation_url"] for answer in (first, second)]
    assert urls[0] != urls[1]


def refund_twice(api: Any) -> requests.Response:
    payment = api.payment()
    api.simulated("payment_confirmed", payment["id"])
    fields = {"amount": 400, "total_amount_confirmation": 400, "links": {"payment": payment["id"]}}
    assert api.post("/refunds", {"refunds": fields}, key="refund").status_code == 201
    replay: requests.Response = api.post("/refunds", {"refunds": fields}, key="refund")
    return replay


def test_a_replayed_refund_is_a_conflict_when_keys_are_checked_first(api: Any) -> None:
    world: World = api.world
    assert conflict_with(refund_twice(api)) == world.refunds.ordered[0].id


def test_a_replayed_refund_fails_on_its_sum_when_bodies_are_checked_first(api: Any) -> None:
    api.world.settings.refund_replay = "body_first"
    answer = refund_twice(api)
    assert answer.status_code == 422
    assert answer.json()["error"]["errors"][0]["reason"] == "total_amount_confirmation_invalid"
    assert len(api.world.refunds) == 1
