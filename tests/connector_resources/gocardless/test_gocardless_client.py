"""Paging, filters, cursors and answers that leave things out, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from connector_resources.errors import (
    BadAnswer,
    Conflict,
    ExpiredAtSource,
    PermissionRefused,
    Refused,
    TokenRefused,
    Uncertain,
)
from connector_resources.gocardless.client import (
    Filter,
    GoCardlessClient,
    action_request,
    create_request,
    encode_filters,
)

Connect = Callable[..., GoCardlessClient]
DAY = timedelta(days=1)


def test_a_list_comes_in_pages_of_500_newest_first(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(1_234, DAY))
    pages = list(client.list_pages("events", created_from=lists.start, created_to=lists.start + DAY))
    assert [len(page) for page in pages] == [500, 500, 234]
    assert [entry["id"] for page in pages for entry in page] == [e["id"] for e in reversed(lists.entries)]
    assert client.calls == 3


def test_the_client_knows_when_gocardless_wrote_its_last_answer(lists: Any, client: GoCardlessClient) -> None:
    assert client.told_at is None
    client.page("events")
    assert client.told_at is not None
    assert abs(client.told_at - datetime.now(UTC)) < timedelta(seconds=5)


def test_filters_are_repeated_with_every_page(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(600, DAY))
    list(client.list_pages("events", created_from=lists.start, resource_type="payments", action="failed"))
    first, second = ({k: v for k, v in query.items() if k != "after"} for query in lists.queries)
    assert first == second
    assert first == {
        "limit": "500",
        "resource_type": "payments",
        "action": "failed",
        "created_at[gte]": "2026-03-02T00:00:00.000Z",
    }


@pytest.mark.parametrize("left_out", ["meta", "cursors"])
def test_missing_cursors_are_replaced_by_the_last_id(left_out: str, lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(1_000, DAY))
    lists.leave_out = left_out
    assert sum(len(page) for page in client.list_pages("events")) == 1_000


def test_a_full_page_of_items_without_id_and_cursor_ends_the_list(lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"payout_items": [{"type": "payment_paid_out", "amount": "1.0"}] * 500}
    assert len(client.payout_items("PO1")) == 500


def test_an_opaque_cursor_is_followed_as_it_is(lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"payout_items": [], "meta": {"cursors": {"after": "b64/+="}}}
    with pytest.raises(BadAnswer, match="cursor it had before"):
        client.payout_items("PO1")
    assert [query.get("after") for query in lists.queries] == [None, "b64/+="]


@pytest.mark.parametrize("answer", [{}, {"payments": None}, {"payments": {}}, {"error": "no"}])
def test_a_list_without_its_list_is_a_bad_answer(answer: dict[str, Any], lists: Any, client: GoCardlessClient) -> None:
    lists.answer = answer
    with pytest.raises(BadAnswer):
        list(client.list_pages("payments"))


def test_included_resources_come_with_the_page(lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"events": [{"id": "EV1"}], "linked": {"payments": [{"id": "PM1"}, {"id": "PM2"}]}, "meta": None}
    page = client.page("events", {"resource_type": "payments", "include": "payment"})
    assert [linked["id"] for linked in page.linked] == ["PM1", "PM2"]
    assert page.elapsed_s > 0


def test_ids_are_escaped_in_paths(lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"payments": {"id": "x"}}
    client.get("payments", "PM/1?x=ü#a b")
    assert lists.paths == ["/payments/PM%2F1%3Fx%3D%C3%BC%23a%20b"]


@pytest.mark.parametrize("path", ["/payments/../creditors", ""])
def test_an_id_cannot_lead_to_another_path(path: str, lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"payments": {"id": "x"}}
    if not path:
        with pytest.raises(ValueError, match="id of payments"):
            client.get("payments", "")
        return
    client.get("payments", "../creditors")
    assert lists.paths == ["/payments/..%2Fcreditors"]


def test_filters_are_written_as_gocardless_reads_them() -> None:
    cet = timezone(timedelta(hours=1))
    filters: dict[str, Filter] = {
        "created_at": {"gte": datetime(2026, 3, 2, 1, 2, 3, 456_789, cet), "lt": datetime(2026, 3, 3, tzinfo=UTC)},
        "charge_date": {"lte": date(2026, 3, 4)},
        "status": ["active", "submitted"],
        "enabled": True,
        "limit": 5,
        "customer": "CU1",
    }
    assert encode_filters(filters) == [
        ("created_at[gte]", "2026-03-02T00:02:03.456Z"),
        ("created_at[lt]", "2026-03-03T00:00:00.000Z"),
        ("charge_date[lte]", "2026-03-04"),
        ("status", "active,submitted"),
        ("enabled", "true"),
        ("limit", "5"),
        ("customer", "CU1"),
    ]


def test_the_story_of_a_resource_is_oldest_first(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(700, DAY))
    story = client.story("payments", "PM1")
    assert [event["id"] for event in story] == [event["id"] for event in lists.entries]
    assert lists.queries[0]["payment"] == "PM1"


def test_equal_requests_have_equal_bytes() -> None:
    one = create_request("payments", {"amount": 1, "links": {"mandate": "MD1"}}, "key-1")
    assert one == create_request("payments", {"amount": 1, "links": {"mandate": "MD1"}}, "key-1")
    assert one.write
    assert one.body == b'{"payments":{"amount":1,"links":{"mandate":"MD1"}}}'
    assert action_request("payments", "PM 1", "cancel", "key-2").url == "/payments/PM%201/actions/cancel"


def test_a_write_without_a_key_is_not_built() -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        create_request("payments", {}, "")


# --- answers of the error kind ---------------------------------------------------------------------------------------


def refuse(lists: Any, status: int, body: str) -> None:
    lists.layer.add(_fault(status, body))


def _fault(status: int, body: str) -> Any:
    from sandbox.faults import Fault

    return Fault("error_before", status=status, body=body, times=9)


CONFLICT = (
    '{"error":{"message":"A resource has already been created with this idempotency key","type":"invalid_state",'
    '"code":409,"errors":[{"reason":"idempotent_creation_conflict","message":"x",'
    '"links":{"conflicting_resource_id":"PM00ABC"}}]}}'
)
ACCOUNT_EXISTS = (
    '{"error":{"message":"Bank account already exists","type":"validation_failed","code":409,'
    '"errors":[{"reason":"bank_account_exists","message":"x","links":{"customer_bank_account":"BA1"}}]}}'
)


@pytest.mark.parametrize(
    ("body", "code", "conflicting"),
    [
        (CONFLICT, "idempotent_creation_conflict", "PM00ABC"),
        (ACCOUNT_EXISTS, "bank_account_exists", "BA1"),
        ('{"error": {"type": "invalid_state"}}', "invalid_state", ""),
    ],
)
def test_a_conflict_names_what_exists(
    body: str, code: str, conflicting: str, lists: Any, client: GoCardlessClient
) -> None:
    refuse(lists, 409, body)
    with pytest.raises(Conflict) as caught:
        client.create("payments", {"amount": 1}, "key")
    assert (caught.value.code, caught.value.conflicting_id, client.calls) == (code, conflicting, 1)


def test_a_wrong_state_keeps_its_reason(lists: Any, client: GoCardlessClient) -> None:
    refuse(
        lists,
        422,
        '{"error":{"message":"Mandate is inactive","type":"invalid_state","code":422,'
        '"errors":[{"reason":"mandate_is_inactive","message":"Mandate is inactive"}]}}',
    )
    with pytest.raises(Refused, match="422 mandate_is_inactive: Mandate is inactive") as caught:
        client.create_payment({"amount": 1}, "key")
    assert caught.value.code == "mandate_is_inactive"


def test_a_validation_error_names_its_fields(lists: Any, client: GoCardlessClient) -> None:
    refuse(
        lists,
        422,
        '{"error":{"message":"Validation failed","type":"validation_failed","code":422,"errors":['
        '{"field":"branch_code","message":"must be a number"},{"field":"iban","message":"is invalid"}]}}',
    )
    with pytest.raises(Refused, match="branch_code must be a number; iban is invalid") as caught:
        client.create_customer_bank_account({}, "key")
    assert caught.value.code == "validation_failed"


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (
            403,
            '{"error":{"type":"invalid_api_usage","errors":[{"reason":"forbidden"}]}}',
            PermissionRefused,
            "forbidden",
        ),
        (401, '{"error":{"errors":[{"reason":"access_token_revoked"}]}}', TokenRefused, "access_token_revoked"),
        (400, '{"error": "plain string"}', Refused, ""),
        (400, '{"error": {"errors": [null, 7]}}', Refused, ""),
        (422, "not json", Refused, ""),
        (422, "[]", Refused, ""),
    ],
)
def test_every_shape_of_error_body_is_understood(
    status: int, body: str, error: type[Exception], code: str, lists: Any, client: GoCardlessClient
) -> None:
    refuse(lists, status, body)
    with pytest.raises(error) as caught:
        client.get("payments", "PM1")
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_items_of_an_old_payout_are_expired_at_the_source(lists: Any, client: GoCardlessClient) -> None:
    refuse(lists, 410, '{"error":{"type":"invalid_api_usage","code":410,"message":"gone"}}')
    with pytest.raises(ExpiredAtSource, match="older than six months") as caught:
        client.payout_items("PO9")
    assert caught.value.subject == "PO9"


@pytest.mark.parametrize("answer", ["", "{}", '{"payments": [', '{"payments": 7}'])
def test_a_write_answered_unreadably_is_uncertain(answer: str, lists: Any, client: GoCardlessClient) -> None:
    refuse(lists, 201, answer or " ")
    with pytest.raises(Uncertain):
        client.create_payment({"amount": 1}, "key")
    assert client.calls == 1


def test_a_read_answered_unreadably_is_asked_again(lists: Any, client: GoCardlessClient) -> None:
    from sandbox.faults import Fault

    lists.answer = {"payments": {"id": "PM1"}}
    lists.layer.add(Fault("error_before", status=200, body='{"payments": {"id"', times=2))
    assert client.get("payments", "PM1") == {"id": "PM1"}
    assert client.calls == 3
