"""Partner OAuth over real HTTP (gocardless.md section 1.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

BACK = "https://partner.example/callback"
CLIENT = {"client_id": "partner", "client_secret": "hush"}


@pytest.fixture
def partner(api: Any) -> Any:
    api.control("oauth_apps", {**CLIENT, "redirect_uris": [BACK]})
    return api


def agree(api: Any, form: dict[str, str] | None = None, **changes: str) -> dict[str, str]:
    query = {
        "response_type": "code", "client_id": "partner", "redirect_uri": BACK, "scope": "read_write", "state": "xyz", **changes,
    }  # fmt: skip
    address = f"{api.base}/oauth/authorize"
    answer = requests.post(address, params=query, data=form or {}, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def exchange(api: Any, code: str, **changes: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **CLIENT, **changes}
    return requests.post(f"{api.base}/oauth/access_token", data=form, timeout=10)


def test_a_merchant_agrees_and_the_partner_gets_a_long_lived_token(partner: Any) -> None:
    back = agree(partner)
    assert back["state"] == "xyz"
    answer = exchange(partner, back["code"]).json()
    assert (answer["token_type"], answer["scope"]) == ("bearer", "read_write")
    assert answer["organisation_id"] == partner.world.organisation_id
    assert "refresh_token" not in answer
    partner.session.headers["Authorization"] = f"Bearer {answer['access_token']}"
    assert partner.get("/creditors").status_code == 200
    assert partner.reason(partner.get("/creditor_bank_accounts")) == (403, "invalid_api_usage", "forbidden")


def test_a_code_works_once_and_only_for_its_address(partner: Any) -> None:
    code = agree(partner)["code"]
    assert exchange(partner, code, redirect_uri="https://other.example").json()["error"] == "invalid_grant"
    code = agree(partner)["code"]
    assert exchange(partner, code).status_code == 200
    assert exchange(partner, code).json()["error"] == "invalid_grant"


def test_a_code_expires(partner: Any) -> None:
    code = agree(partner)["code"]
    partner.control("clock", {"advance_s": 601})
    assert exchange(partner, code).json()["error"] == "invalid_grant"


def test_the_exchange_accepts_json_and_checks_the_client(partner: Any) -> None:
    body = {"grant_type": "authorization_code", "code": agree(partner)["code"], "redirect_uri": BACK, **CLIENT}
    assert exchange(partner, "x", client_secret="wrong").status_code == 401
    assert requests.post(f"{partner.base}/oauth/access_token", json=body, timeout=10).status_code == 200


def test_wrong_wishes_are_told_to_the_right_place(partner: Any) -> None:
    assert agree(partner, scope="everything")["error"] == "invalid_scope"
    assert agree(partner, {"deny": "1"}) == {"error": "access_denied", "state": "xyz"}
    query = {
        "response_type": "code",
        "client_id": "partner",
        "redirect_uri": "https://evil.example",
        "scope": "read_write",
    }
    assert requests.get(f"{partner.base}/oauth/authorize", params=query, timeout=10).status_code == 400


def test_a_revoked_token_is_answered_401(partner: Any) -> None:
    token = exchange(partner, agree(partner)["code"]).json()["access_token"]
    answer = requests.post(f"{partner.base}/oauth/revoke", data={**CLIENT, "token": token}, timeout=10)
    assert answer.status_code == 200
    partner.session.headers["Authorization"] = f"Bearer {token}"
    assert partner.reason(partner.get("/payments")) == (401, "invalid_api_usage", "access_token_revoked")


def test_an_app_may_not_touch_a_subscription_it_did_not_make(partner: Any) -> None:
    links = {"mandate": partner.mandate()["id"]}
    made = partner.made("subscriptions", amount=100, currency="EUR", interval_unit="monthly", links=links)
    token = exchange(partner, agree(partner)["code"]).json()["access_token"]
    partner.session.headers["Authorization"] = f"Bearer {token}"
    answer = partner.post(f"/subscriptions/{made['id']}/actions/pause")
    assert partner.reason(answer) == (403, "invalid_api_usage", "resource_created_by_another_app")


def test_an_app_may_take_a_fee_of_its_own(partner: Any) -> None:
    token = exchange(partner, agree(partner)["code"]).json()["access_token"]
    partner.session.headers["Authorization"] = f"Bearer {token}"
    payment = partner.payment(app_fee=150)
    partner.simulated("payment_paid_out", payment["id"])
    payout = partner.one("payments", payment["id"])["links"]["payout"]
    assert ("app_fee", "-150.0") in [(line["type"], line["amount"]) for line in partner.items(payout)]
    event = partner.get("/events", payment=payment["id"], action="created").json()["events"][0]
    assert event["source"] == {"name": "partner", "type": "app"}
