"""Rate limits, injected faults and the background API."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import requests

from sandbox.faults import Fault


def test_every_answer_carries_the_quota_headers(api: Any) -> None:
    api.company.switches.rate_limit = 100
    remaining = []
    for path in ("/v1/organization", "/v1/nothing", "/v1/customer/10042"):
        headers = api.get(path).headers
        assert headers["X-RateLimit-Limit"] == "100"
        assert headers["X-RateLimit-Policy"] == "4-fixed-window"
        assert headers["X-RateLimit-Reset"] == "3600"
        remaining.append(int(headers["X-RateLimit-Remaining"]))
    assert remaining == [99, 98, 97]


def test_the_quota_refuses_with_429_until_the_window_ends(api: Any) -> None:
    api.company.switches.rate_limit = 2
    api.company.switches.rate_window_s = 600
    assert [api.post("/v1/customerPayment", api.payment(paymentRef=f"PM{i}")).status_code for i in range(3)] == [
        201, 201, 429,
    ]  # fmt: skip
    assert len(api.company.payments) == 2, "a refused request is not processed"
    api.company.clock.advance(timedelta(seconds=100))
    refused = api.get("/v1/organization")
    assert (refused.status_code, refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == (
        429, "500", "0",
    )  # fmt: skip
    api.company.clock.advance(timedelta(seconds=500))
    assert api.get("/v1/organization").status_code == 200


def test_the_reset_header_can_be_a_unix_time(api: Any) -> None:
    api.company.switches.rate_reset_as_epoch = True
    expected = int(api.company.clock.now().timestamp()) + 3600
    assert int(api.get("/v1/organization").headers["X-RateLimit-Reset"]) == expected


def test_the_same_request_is_refused_the_sixth_time_in_a_minute(api: Any) -> None:
    api.company.switches.same_request_limit = 5
    assert [api.get("/v1/organization").status_code for _ in range(6)] == [200] * 5 + [429]
    refused = api.get("/v1/organization")
    assert refused.json()["message"] == "Same request made too many times"
    assert refused.headers["Retry-After"] == "60"
    assert api.get("/v1/organization?x=1").status_code == 200, "another request is free"
    api.company.clock.advance(timedelta(seconds=61))
    assert api.get("/v1/organization").status_code == 200


def test_a_failed_request_is_refused_after_two_repetitions_in_five_minutes(api: Any) -> None:
    api.company.switches.failed_same_request_limit = 2
    body = api.payment(customer="77777")
    assert [api.post("/v1/customerPayment", body).status_code for _ in range(3)] == [400, 400, 429]
    assert api.post("/v1/customerPayment", api.payment()).status_code == 201
    api.company.clock.advance(timedelta(seconds=301))
    assert api.post("/v1/customerPayment", body).status_code == 400


def test_a_write_can_happen_and_its_answer_be_lost(api: Any) -> None:
    api.app.faults.add(Fault("drop_after", "POST", "/v1/customerPayment$"))
    with pytest.raises(requests.ConnectionError):
        api.post("/v1/customerPayment", api.payment())
    (row,) = api.rows("/v1/customerPayment", customer="10042")
    assert row["paymentRef"] == "PM00ABC123"


@pytest.mark.parametrize(
    ("kind", "status", "written"),
    [
        ("error_after", 500, 1),
        ("error_before", 500, 0),
        ("error_after", 504, 1),
        ("html", 502, 0),
        ("html_after", 200, 1),
    ],
)
def test_an_error_can_come_before_or_after_the_write(api: Any, kind: str, status: int, written: int) -> None:
    fault = {"kind": kind, "method": "POST", "path": "/v1/customerPayment$", "status": status}
    assert requests.post(f"{api.base}/_control/faults", json=fault, timeout=10).status_code == 200
    answer = api.post("/v1/customerPayment", api.payment())
    assert answer.status_code == status
    assert ("<html>" in answer.text) == kind.startswith("html")
    assert len(api.company.payments) == written


def test_an_answer_can_be_slow(api: Any) -> None:
    fault = {"kind": "delay_after", "path": "/v1/organization", "delay_s": 0.3}
    requests.post(f"{api.base}/_control/faults", json=fault, timeout=10)
    started = time.monotonic()
    with pytest.raises(requests.Timeout):
        api.session.get(f"{api.base}/v1/organization", timeout=0.1)
    assert time.monotonic() - started < 0.3


def test_a_background_request_is_queued_then_finished_with_its_headers(api: Any) -> None:
    api.company.switches.deferred_requests = 3
    answer = api.post("/v1/customerPayment", api.payment(), headers={"erp-api-background": "none"})
    assert answer.status_code == 202
    assert answer.json()["stateLocation"] == answer.headers["Location"]
    path = f"/v1/background/{answer.json()['id']}"
    first, _, third = (api.get(path).json() for _ in range(3))
    assert (first["status"], first["statusCode"], first["finishedUtc"]) == ("Started", 0, None)
    assert (third["status"], third["statusCode"]) == ("Finished", 201)
    assert third["responseHeaders"]["Location"].endswith("/v1/customerPayment/000001")
    assert third["receivedUtc"] == "2026-03-10T13:00:00.000+01:00", "named Utc, but local with an offset"
    assert third["hasResponseContent"] is False


def test_a_refused_background_request_is_finished_with_400_and_has_content(api: Any) -> None:
    number = api.received("125.00", api.line("000224", "125.00"))
    path = f"/v1/customerPayment/{number}/action/release"
    job = api.post(path, api.wrap(type="Payment"), headers={"erp-api-background": "none"}).json()
    state = api.get(f"/v1/background/{job['id']}").json()
    assert (state["status"], state["statusCode"], state["hasResponseContent"]) == ("Finished", 400, True)
    content = api.get(f"/v1/background/{job['id']}/content")
    assert content.json() == {"message": "Payment can't be updated because it is already released."}


def test_a_job_can_fail_by_itself(api: Any) -> None:
    api.company.job_outcomes.append("failed")
    job = api.post("/v1/customerPayment", api.payment(), headers={"erp-api-background": "none"}).json()
    state = api.get(f"/v1/background/{job['id']}").json()
    assert (state["status"], state["statusCode"]) == ("Failed", 0)
    assert state["errorMessage"]
    assert api.company.payments == {}


def test_the_content_of_a_job_is_gone_after_a_day_or_by_switch(api: Any) -> None:
    api.company.switches.token_lifetime_s = 10**6
    api.login()
    job = api.get("/v1/organization", headers={"erp-api-background": "none"}).json()
    path = f"/v1/background/{job['id']}/content"
    assert api.get(path).json()[0]["name"] == "Nordlys Drift AS"
    api.company.switches.background_content_gone = True
    assert api.get(path).status_code == 410
    api.company.switches.background_content_gone = False
    api.company.clock.advance(timedelta(hours=25))
    assert api.get(path).status_code == 410


def test_a_job_is_unknown_or_another_callers(api: Any) -> None:
    job = api.get("/v1/organization", headers={"erp-api-background": "none"}).json()
    assert api.get("/v1/background/00000000-0000-4000-8000-000000000000").status_code == 404
    api.company.add_client("isv_other", "other-secret")
    api.login(client_id="isv_other", client_secret="other-secret")
    assert api.get(f"/v1/background/{job['id']}").status_code == 403


def test_a_url_in_the_background_header_is_no_longer_supported(api: Any) -> None:
    answer = api.get("/v1/organization", headers={"erp-api-background": "https://example.com"})
    assert answer.status_code == 400


def test_waiting_work_can_be_finished_by_hand(api: Any) -> None:
    api.company.switches.deferred_requests = 100
    api.post("/v1/customerPayment", api.payment(), headers={"erp-api-background": "none"})
    assert api.company.payments == {}
    assert requests.post(f"{api.base}/_control/deferred", timeout=10).json() == {"finished": 1}
    assert len(api.company.payments) == 1
