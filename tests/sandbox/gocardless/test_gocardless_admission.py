"""Who may call, how often, and with what documents (checklist 10.1.1, 10.1.2, 10.1.6 and 10.1.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from sandbox.gocardless.app import create_app
from sandbox.gocardless.world import DISABLED_TOKEN, READ_ONLY_TOKEN, READ_WRITE_TOKEN, REVOKED_TOKEN, Settings, World
from sandbox.serve import running


def reason(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["type"], error["errors"][0].get("reason", "")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "missing_authorization_header"),
        ("Token abc", "invalid_authorization_header"),
        ("Bearer nobody", "access_token_not_found"),
        (f"Bearer {DISABLED_TOKEN}", "access_token_not_active"),
        (f"Bearer {REVOKED_TOKEN}", "access_token_revoked"),
    ],
)
def test_a_token_that_is_no_good_is_answered_401_with_its_reason(api: Any, header: str | None, expected: str) -> None:
    api.session.headers.pop("Authorization")
    if header:
        api.session.headers["Authorization"] = header
    assert reason(api.get("/creditors")) == (401, "invalid_api_usage", expected)


@pytest.mark.parametrize(
    ("version", "expected"), [(None, "missing_version_header"), ("2014-01-01", "version_not_found")]
)
def test_the_version_header_is_required(api: Any, version: str | None, expected: str) -> None:
    api.session.headers.pop("GoCardless-Version")
    if version:
        api.session.headers["GoCardless-Version"] = version
    assert reason(api.get("/creditors")) == (400, "invalid_api_usage", expected)


def test_a_read_only_token_reads_and_may_not_write(api: Any) -> None:
    api.session.headers["Authorization"] = f"Bearer {READ_ONLY_TOKEN}"
    assert api.get("/payments").status_code == 200
    answer = api.post("/customers", {"customers": {"company_name": "X", "email": "x@y.de"}})
    assert reason(answer) == (403, "invalid_api_usage", "insufficient_permissions")


def test_refunds_can_be_disabled_for_a_creditor(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_confirmed", payment["id"])
    api.world.creditors.ordered[0].change(can_create_refunds=False)
    fields = {"amount": 1, "total_amount_confirmation": 1, "links": {"payment": payment["id"]}}
    assert reason(api.post("/refunds", {"refunds": fields})) == (403, "invalid_api_usage", "feature_disabled")


def test_direct_creation_can_be_restricted_as_in_live(api: Any) -> None:
    api.world.settings.restricted_creates = True
    answer = api.post("/customers", {"customers": {"company_name": "X", "email": "x@y.de"}})
    assert reason(answer) == (403, "invalid_api_usage", "forbidden")


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"data":null}', b'{"data":{}}'])
def test_actions_accept_no_body_null_and_empty_objects(api: Any, body: bytes) -> None:
    payment = api.payment()
    url = f"{api.base}/payments/{payment['id']}/actions/cancel"
    answer = api.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.json()["payments"]["status"] == "cancelled"


def test_deleting_accepts_a_body_and_answers_with_or_without_one(api: Any) -> None:
    first, second = api.customer(), api.customer()
    answer = api.session.delete(f"{api.base}/customers/{first['id']}", json=None, timeout=10)
    assert answer.status_code == 200
    assert answer.json()["customers"]["id"] == first["id"]
    api.world.settings.removal_status = 204
    answer = api.session.delete(f"{api.base}/customers/{second['id']}", json={}, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")


def test_unknown_query_keys_are_ignored_when_one_resource_is_read(api: Any) -> None:
    customer = api.customer()
    assert api.get(f"/customers/{customer['id']}", amount=100, currency="EUR").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing", (404, "invalid_api_usage", "path_not_found")),
        ("PATCH", "/payments", (405, "invalid_api_usage", "method_not_allowed")),
        ("DELETE", "/payments", (405, "invalid_api_usage", "method_not_allowed")),
        ("GET", "/payments/PM404", (404, "invalid_api_usage", "resource_not_found")),
    ],
)
def test_wrong_addresses_and_methods_are_refused(
    api: Any, method: str, path: str, expected: tuple[int, str, str]
) -> None:
    assert reason(api.session.request(method, api.base + path, timeout=10)) == expected


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{not json", "application/json", (400, "invalid_api_usage", "invalid_document_structure")),
        (b'{"payment": {}}', "application/json", (400, "invalid_api_usage", "invalid_document_structure")),
        (b"[]", "application/json", (400, "invalid_api_usage", "invalid_document_structure")),
        (b"amount=1", "application/x-www-form-urlencoded", (415, "invalid_api_usage", "invalid_content_type")),
        (b'"' + b"x" * 1_000_001 + b'"', "application/json", (413, "invalid_api_usage", "request_entity_too_large")),
    ],
)
def test_malformed_documents_are_refused(api: Any, body: bytes, kind: str, expected: tuple[int, str, str]) -> None:
    answer = api.session.post(f"{api.base}/payments", data=body, headers={"Content-Type": kind}, timeout=10)
    assert reason(answer) == expected


def test_every_reply_carries_the_rate_limit_headers(api: Any) -> None:
    first, second = api.get("/creditors"), api.get("/payments/PM404")
    assert int(first.headers["RateLimit-Remaining"]) - 1 == int(second.headers["RateLimit-Remaining"])
    assert first.headers["RateLimit-Limit"] == "1000000"
    assert first.headers["RateLimit-Reset"].endswith(" GMT")


class WallClock:
    """Real time as the test wants it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def test_the_limit_is_answered_429_without_retry_after_until_the_named_moment() -> None:
    wall = WallClock()
    world = World(settings=Settings(rate_limit=3), wall_clock=wall.now)
    headers = {"Authorization": f"Bearer {READ_WRITE_TOKEN}", "GoCardless-Version": "2015-07-06"}
    with running(create_app(world)) as base:
        answers = [requests.get(f"{base}/payments", headers=headers, timeout=10) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refused = answers[-1]
        assert reason(refused) == (429, "invalid_api_usage", "rate_limit_exceeded")
        assert "Retry-After" not in refused.headers
        wall.moment = parsedate_to_datetime(refused.headers["RateLimit-Reset"])
        assert requests.get(f"{base}/payments", headers=headers, timeout=10).status_code == 200


def test_balances_have_a_budget_of_their_own() -> None:
    world = World(settings=Settings(balances_rate_limit=1))
    headers = {"Authorization": f"Bearer {READ_WRITE_TOKEN}", "GoCardless-Version": "2015-07-06"}
    query = {"creditor": world.creditors.ordered[0].id}
    with running(create_app(world)) as base:
        statuses = [requests.get(f"{base}/balances", query, headers=headers, timeout=10).status_code for _ in range(2)]
        assert statuses == [200, 429]
        assert requests.get(f"{base}/payments", headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "html", "status": 502}, 502, "<html>"),
        ({"kind": "error_before", "status": 500, "body": '{"error":"plain string"}'}, 500, "plain string"),
        (
            {"kind": "error_before", "status": 500, "body": '{"error":{"type":"gocardless","code":500,"errors":[]}}'},
            500,
            "gocardless",
        ),
    ],
)
def test_the_service_can_be_made_to_fail_in_each_known_way(
    api: Any, fault: dict[str, Any], status: int, text: str
) -> None:
    api.control("faults", {"path": "/payments", **fault})
    answer = api.get("/payments")
    assert answer.status_code == status
    assert text in answer.text
    assert api.get("/payments").status_code == 200


def test_truncated_and_slow_replies_are_possible(api: Any) -> None:
    api.control("faults", {"kind": "truncate", "path": "/creditors"})
    with pytest.raises(requests.RequestException):
        api.get("/creditors")
    api.control("faults", {"kind": "delay", "path": "/creditors", "delay_s": 0.2})
    assert api.get("/creditors").elapsed >= timedelta(seconds=0.2)


def test_requests_are_counted_for_call_budgets(api: Any) -> None:
    api.control("requests", method="DELETE")
    api.get("/payments")
    api.get("/payments/PM1")
    api.get("/events")
    counted = api.control("requests", method="GET")
    assert counted == {"total": 3, "by_resource": {"GET /events": 1, "GET /payments": 2}}
