"""Billing requests, their hosted page, and the legacy redirect flow (gocardless.md section 2.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import requests

PAYER = {"given_name": "Jürgen", "family_name": "Groß", "email": "jg@example.de", "country_code": "DE"}
IBAN = "DE89370400440532013000"


def request_mandate(api: Any, **changes: Any) -> dict[str, Any]:
    fields = {"mandate_request": {"scheme": "sepa_core", "metadata": {"erp": "1"}}, **changes}
    made: dict[str, Any] = api.made("billing_requests", **fields)
    return made


def open_actions(request: dict[str, Any]) -> list[str]:
    return [action["type"] for action in request["actions"] if action["status"] == "pending" and action["required"]]


def test_the_server_side_path_leads_from_pending_to_a_mandate(api: Any) -> None:
    request = request_mandate(api)
    assert open_actions(request) == ["collect_customer_details", "collect_bank_account"]
    path = f"/billing_requests/{request['id']}/actions"
    assert api.reason(api.post(f"{path}/fulfil"))[2] == "billing_request_non_fulfillable"
    assert api.reason(api.post(f"{path}/collect_bank_account", {"data": {"iban": IBAN}}))[:2] == (422, "invalid_state")
    api.post(f"{path}/collect_customer_details", {"data": {"customer": PAYER}})
    after = api.post(f"{path}/collect_bank_account", {"data": {"iban": IBAN}}).json()["billing_requests"]
    assert (after["status"], open_actions(after)) == ("ready_to_fulfil", [])
    api.post(f"{path}/confirm_payer_details")
    done = api.post(f"{path}/fulfil").json()["billing_requests"]
    mandate = api.one("mandates", done["links"]["mandate_request_mandate"])
    assert (done["status"], mandate["metadata"]) == ("fulfilled", {"erp": "1"})
    event = api.get("/events", billing_request=request["id"], action="fulfilled").json()["events"][0]
    assert event["links"]["mandate_request_mandate"] == mandate["id"]
    assert event["links"]["customer"] == mandate["links"]["customer"]
    assert api.get("/billing_requests", customer=mandate["links"]["customer"]).json()["billing_requests"] == [done]


def test_an_existing_customer_only_lacks_the_account(api: Any) -> None:
    customer = api.customer()
    request = request_mandate(api, links={"customer": customer["id"]})
    assert open_actions(request) == ["collect_bank_account"]
    assert request["resources"]["customer"]["email"] == customer["email"]


def test_the_payer_may_choose_the_currency(api: Any) -> None:
    request = request_mandate(api, mandate_request={"description": "Any"})
    assert open_actions(request)[0] == "choose_currency"
    path = f"/billing_requests/{request['id']}/actions/choose_currency"
    chosen = api.post(path, {"data": {"currency": "EUR"}}).json()["billing_requests"]
    assert "choose_currency" not in open_actions(chosen)


def test_a_payment_request_needs_a_description_and_pay_to_needs_a_limit(api: Any) -> None:
    body = {"billing_requests": {"payment_request": {"amount": 100, "currency": "GBP", "description": ""}}}
    assert api.bad_fields(api.post("/billing_requests", body)) == {"description"}
    body = {"billing_requests": {"mandate_request": {"scheme": "pay_to"}}}
    assert api.bad_fields(api.post("/billing_requests", body)) == {"constraints"}
    assert api.bad_fields(api.post("/billing_requests", {"billing_requests": {}})) == {"mandate_request"}


def test_a_cancelled_billing_request_is_over(api: Any) -> None:
    path = f"/billing_requests/{request_mandate(api)['id']}/actions"
    assert api.post(f"{path}/cancel").json()["billing_requests"]["status"] == "cancelled"
    assert api.post(f"{path}/fulfil").status_code == 422


def start_flow(api: Any, **changes: Any) -> dict[str, Any]:
    links = {"billing_request": request_mandate(api)["id"]}
    fields = {
        "redirect_uri": "https://shop.example/back",
        "exit_uri": "https://shop.example/exit",
        "links": links,
        **changes,
    }
    made: dict[str, Any] = api.made("billing_request_flows", **fields)
    return made


def test_the_hosted_page_makes_the_mandate_and_sends_the_payer_back(api: Any) -> None:
    flow = start_flow(api, prefilled_customer={"email": "pre@example.de"})
    assert flow["authorisation_url"].startswith(api.base)
    assert flow["expires_at"] == "2026-06-08T08:00:00.000Z"
    assert 'value="pre@example.de"' in requests.get(flow["authorisation_url"], timeout=10).text
    form = {**PAYER, "iban": IBAN}
    answer = requests.post(flow["authorisation_url"], data=form, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://shop.example/back")
    request = api.one("billing_requests", flow["links"]["billing_request"])
    assert request["status"] == "fulfilled"
    assert api.one("mandates", request["links"]["mandate_request_mandate"])["status"] == "pending_submission"
    assert {"flow_created", "flow_visited", "fulfilled"} <= {
        action for _, action in api.events(billing_request=request["id"])
    }


def test_a_payer_may_leave_or_come_too_late(api: Any) -> None:
    flow = start_flow(api)
    left = requests.get(f"{flow['authorisation_url']}/exit", allow_redirects=False, timeout=10)
    assert left.headers["Location"] == "https://shop.example/exit"
    api.control("clock", {"set": "2026-06-09T08:00:00Z"})
    assert requests.get(flow["authorisation_url"], timeout=10).status_code == 410


def test_a_session_token_exists_only_after_initialising(api: Any) -> None:
    flow = start_flow(api)
    assert flow["session_token"] is None
    path = f"/billing_request_flows/{flow['id']}/actions/initialise"
    assert api.post(path).json()["billing_request_flows"]["session_token"].startswith("sesh_")


def pay_by_bank(api: Any) -> dict[str, Any]:
    wanted = {"amount": 2_500, "currency": "EUR", "description": "Order 7"}
    request: dict[str, Any] = api.made("billing_requests", payment_request=wanted)
    path = f"/billing_requests/{request['id']}/actions"
    api.post(f"{path}/collect_customer_details", {"data": {"customer": PAYER}})
    api.post(f"{path}/collect_bank_account", {"data": {"iban": IBAN}})
    return request


def test_a_simulator_authorises_a_payment_request_whose_payment_has_no_mandate(api: Any) -> None:
    request = pay_by_bank(api)
    api.simulated("billing_request_fulfilled_and_payment_paid_out", request["id"])
    payment = api.one("payments", api.one("billing_requests", request["id"])["links"]["payment_request_payment"])
    assert (payment["status"], payment["scheme"], payment["amount"]) == ("paid_out", "sepa_credit_transfer", 2_500)
    assert "mandate" not in payment["links"]
    assert api.get("/payments", customer=api.one("billing_requests", request["id"])["links"]["customer"]).json()[
        "payments"
    ]


def test_other_billing_request_simulators_end_in_failure(api: Any) -> None:
    for name in ("payment_failed", "payment_confirmed_to_failed"):
        request = pay_by_bank(api)
        api.simulated(f"billing_request_fulfilled_and_{name}", request["id"])
        payment = api.one("billing_requests", request["id"])["links"]["payment_request_payment"]
        assert api.one("payments", payment)["status"] == "failed"


def test_a_redirect_flow_completes_once_with_its_session_token(api: Any) -> None:
    flow = api.made("redirect_flows", session_token="abc", success_redirect_url="https://shop.example/ok")
    path = f"/redirect_flows/{flow['id']}/actions/complete"
    assert api.reason(api.post(path, {"data": {"session_token": "abc"}}))[2] == "redirect_flow_incomplete"
    back = requests.post(flow["redirect_url"], data={**PAYER, "iban": IBAN}, allow_redirects=False, timeout=10)
    assert back.headers["Location"] == f"https://shop.example/ok?redirect_flow_id={flow['id']}"
    assert api.reason(api.post(path, {"data": {"session_token": "other"}}))[2] == "redirect_flow_incomplete"
    done = api.post(path, {"data": {"session_token": "abc"}}).json()["redirect_flows"]
    assert api.one("mandates", done["links"]["mandate"])["links"]["customer"] == done["links"]["customer"]
    assert api.reason(api.post(path, {"data": {"session_token": "abc"}}))[2] == "redirect_flow_already_completed"


def test_payers_are_notified_of_bank_payments_and_of_mandates_only_where_the_account_may(api: Any) -> None:
    wish = {"data": {"notification_type": "email"}}
    payment = {"amount": 100, "currency": "EUR", "description": "One"}
    path = "/billing_requests/{}/actions/notify"
    pay_by_bank = api.made("billing_requests", payment_request=payment)
    assert api.post(path.format(pay_by_bank["id"]), wish).status_code == 200
    mandate = request_mandate(api)
    assert api.reason(api.post(path.format(mandate["id"]), wish))[2] == "billing_request_action_unavailable"
    assert api.bad_fields(api.post(path.format(mandate["id"]), {"data": {}})) == {"notification_type"}

    api.world.settings.notifies_mandate_requests = True

    assert api.post(path.format(mandate["id"]), wish).status_code == 200


def test_a_list_of_mandates_shows_as_of_today_when_they_can_be_charged(api: Any) -> None:
    before = api.mandate()["next_possible_charge_date"]
    api.world.clock.advance(timedelta(days=9))

    (listed,) = api.get("/mandates").json()["mandates"]

    assert listed["next_possible_charge_date"] > before
    assert listed == api.one("mandates", listed["id"])
