"""The webhook sender: headers, signature, secret rotation, duplicates, wrong signature, no retry."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.serve import running

HEADERS = (
    "application-id", "application-version", "event-id", "group-id", "notification-id", "notification-timestamp",
    "subscription-id", "tenant-id", "webhook-timestamp", "signature-v1",
)  # fmt: skip


class Receiver:
    """An ASGI endpoint that keeps what it gets and answers with `status`."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.received.append((dict(request.headers), await request.body()))
        await Response(None, self.status)(scope, receive, send)


@pytest.fixture(scope="module")
def served_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with running(receiver) as base:
        receiver.url = f"{base}/hooks"
        yield receiver


@pytest.fixture
def receiver(served_receiver: Receiver, api: Any) -> Receiver:
    served_receiver.received.clear()
    served_receiver.status = 204
    api.company.switches.deliver_webhooks = False
    return served_receiver


def signed_with(secret: str, headers: dict[str, str], body: bytes) -> bool:
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return headers["x-vwd-signature-v1"] == expected


def test_a_change_of_a_customer_is_announced_with_signature_and_headers(api: Any, receiver: Receiver) -> None:
    api.company.webhooks.subscribe(receiver.url, "first-secret")
    api.put("/v1/customer/10042", api.wrap(note="x"))
    (delivery,) = api.company.webhooks.deliver()
    assert delivery.status == 204
    ((headers, body),) = receiver.received
    assert all(f"x-vwd-{name}" in headers for name in HEADERS)
    assert headers["x-vwd-tenant-id"] == api.company.tenant_id
    assert signed_with("first-secret", headers, body)
    assert json.loads(body)["data"] == {"customerNumber": "10042"}


def test_during_a_rotation_both_secrets_are_in_use(api: Any, receiver: Receiver) -> None:
    subscription = api.company.webhooks.subscribe(receiver.url, "old")
    subscription.secrets.append("new")
    for note in ("a", "b"):
        api.put("/v1/customer/10042", api.wrap(note=note))
    api.company.webhooks.deliver()
    assert [signed_with(secret, *receiver.received[i]) for i, secret in enumerate(("old", "new"))] == [True, True]


def test_a_message_can_come_twice_or_with_a_wrong_signature(api: Any, receiver: Receiver) -> None:
    api.company.webhooks.subscribe(receiver.url, "secret")
    api.company.webhooks.next_delivery.duplicate = True
    api.put("/v1/customer/10042", api.wrap(note="a"))
    api.company.webhooks.deliver()
    first, second = receiver.received
    assert first[0]["x-vwd-notification-id"] == second[0]["x-vwd-notification-id"]
    api.company.webhooks.next_delivery.wrong_signature = True
    api.put("/v1/customer/10042", api.wrap(note="b"))
    api.company.webhooks.deliver()
    assert [signed_with("secret", *each) for each in receiver.received] == [True, True, False]


def test_a_message_that_is_refused_or_lost_is_not_sent_again(api: Any, receiver: Receiver) -> None:
    receiver.status = 503
    api.company.webhooks.subscribe(receiver.url, "secret")
    api.company.webhooks.subscribe("http://127.0.0.1:1/closed", "secret")
    api.put("/v1/customer/10042", api.wrap(note="a"))
    assert [delivery.status for delivery in api.company.webhooks.deliver()] == [503, 0]
    assert api.company.webhooks.deliver() == []
    assert len(receiver.received) == 1


def test_payments_and_journals_are_never_announced_but_the_invoice_they_move_is(api: Any, receiver: Receiver) -> None:
    api.company.webhooks.subscribe(receiver.url, "secret")
    number = api.create_payment("125.00", api.line("000224", "125.00"))
    api.post("/v2/journaltransaction", api.payout())
    assert api.company.webhooks.deliver() == []
    api.release(number)
    (delivery,) = api.company.webhooks.deliver()
    assert delivery.message.event == "CUSTOMER_INVOICE_CHANGED"


def test_a_finished_job_is_announced_where_the_request_asked_for_it(api: Any, receiver: Receiver) -> None:
    api.company.webhooks.subscribe(receiver.url, "secret", ("BACKGROUND_API_RESPONSE",))
    for header in ("none", "subscription:x-trace=42"):
        api.get("/v1/organization", headers={"erp-api-background": header})
    api.company.finish_deferred()
    api.company.webhooks.deliver()
    ((headers, body),) = receiver.received
    assert headers["x-trace"] == "42"
    assert json.loads(body)["data"]["statusCode"] == 200


def test_notifications_go_out_by_themselves(api: Any, receiver: Receiver) -> None:
    api.company.switches.deliver_webhooks = True
    body = {"subscribe": {"url": receiver.url, "secret": "s"}, "emit": {"event": "CUSTOMER_CHANGED"}}
    api.post("/_control/webhooks", body)
    deadline = 50
    while not receiver.received and deadline:
        api.get("/_control/clock")
        deadline -= 1
    assert receiver.received[0][0]["x-vwd-event-id"] == "CUSTOMER_CHANGED"


def test_the_subscription_api_is_gone_unless_switched_on(api: Any) -> None:
    body = {"event": "customer_changed", "hookUri": "https://example.com/h"}
    assert api.post("/v1/subscription", body).status_code == 410
    api.company.switches.legacy_subscriptions = True
    answer = api.post("/v1/subscription", body)
    assert (answer.status_code, answer.json()["event"]) == (201, "customer_changed")
